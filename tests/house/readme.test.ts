import { statSync } from "node:fs";
import { expect, it } from "vitest";
import { buildModule } from "../../host/build.ts";
import { convert } from "../../host/convert.ts";
import { inspect } from "../../host/cost/inspect.ts";
import { v8 } from "../../host/engines/v8.ts";
import { read, readBytes } from "./project_files.ts";

const README = read("README.md");

it.each(["scalar", "scalar_ternary_resident"])("README.md has the size of %s.wasm", (target) => {
  expect(README).toContain(`${statSync(`build/${target}.wasm`).size.toLocaleString("en")} bytes`);
});

it("README.md has the size of a module for the digits example", { timeout: 60_000 }, async () => {
  const { blob } = await convert(readBytes("examples/digits/digits.onnx"), { file: "digits.onnx" });
  const { length } = await buildModule(blob);
  expect(README).toContain(`(${length.toLocaleString("en")} bytes for the digits`);
});

it("README.md has the sizes of the digits example", async () => {
  const { blob } = await convert(readBytes("examples/digits/digits.onnx"), { file: "digits.onnx" });
  const { memory, macs } = await inspect(blob, readBytes("build/scalar.wasm"), v8);
  expect(README).toContain(`flash    ${blob.length.toLocaleString("en")} bytes`);
  expect(README).toContain(`${memory[0]!.resident.ram} bytes of RAM`);
  expect(README).toContain(`${macs.toLocaleString("en")} multiply-accumulates a row`);
});

it("README.md's five files exist, in the order that they are read", () => {
  const files = Array.from(README.matchAll(/^\d\. \[`([^`]+)`\]\(([^)]+)\)/gm), ([, name, link]) => [name, link]);
  expect(files.map(([name]) => name)).toEqual([
    "host/convert.ts",
    "host/lower/lower.ts",
    "host/blob/FORMAT.md",
    "assembly/model.ts",
    "host/run/session.ts",
  ]);
  for (const [name, link] of files) {
    expect(link).toBe(name);
    expect(read(name!).length).toBeGreaterThan(0);
  }
});
