import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";

// A project of its own, so that nothing is in its .cache.
const project = mkdtempSync(join(tmpdir(), "tern-install-"));
const script = join(project, "tools/scripts/install_wasmtime.mjs");
cpSync(fileURLToPath(new URL("../../tools/scripts/install_wasmtime.mjs", import.meta.url)), script);
afterAll(() => rmSync(project, { recursive: true }));

it.each<[string, NodeJS.ProcessEnv, RegExp]>([
  ["TERN_OFFLINE=1", { TERN_OFFLINE: "1" }, /^libwasmtime [\d.]+: not installed: TERN_OFFLINE=1 forbids downloads\n$/],
  ["no pip", { PATH: project, TERN_OFFLINE: "" }, /^libwasmtime [\d.]+: not installed: no pip \(tried .*\)\n$/],
  [
    "an index without it",
    { PIP_NO_INDEX: "1", TERN_OFFLINE: "" },
    /^libwasmtime [\d.]+: not installed: .*(No matching distribution|no pip).*\n$/,
  ],
])("with %s it installs nothing, and says so in one line", (_, env, line) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  expect(stdout).toMatch(line);
  expect([status, stderr]).toEqual([1, ""]);
  expect(existsSync(join(project, ".cache"))).toBe(false);
});
