import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROJECT } from "../house/project_files.ts";

it("goes from the checkpoint to answers and their proof, on 80 columns", () => {
  const demo = join(PROJECT, "dist", "tools", "demo.js");
  const env = { ...process.env, NO_COLOR: "1", TERN_REQUIRE_ALL: "" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [demo], { cwd: PROJECT, env, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const part of [
    "The next 7 digits are read as 3 4 5 6 7 8 9.",
    "100.00 % right: 1,000 of 1,000",
    "The blob computes what the checkpoint computes.",
    "npx littletern convert yours.onnx -o yours.tern",
  ]) {
    expect(stdout).toContain(part);
  }
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});
