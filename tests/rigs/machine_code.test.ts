import { expect, it } from "vitest";
import {
  type Compiled,
  compileKernels,
  formatCode,
  kernelRows,
  missingForMachineCode,
} from "../../tools/rigs/pi/machine_code.ts";
import { describeUnless } from "../skip.ts";

const dots: Compiled = {
  variant: "relaxed",
  engine: "V8",
  cpu: "cortex-a76",
  name: "kernels/relaxed/narrow/dots",
  mnemonics: ["ldr", "sdot", "udot", "ret"],
  lines: ["ldr q0, [x0]", "sdot v1.4s, v0.16b, v2.16b", "udot v1.4s, v0.16b, v2.16b", "ret"],
};
const add: Compiled = { ...dots, name: "kernels/relaxed/add", mnemonics: ["add"], lines: ["add v0.4s, v1.4s, v2.4s"] };

it("counts instructions per kernel, engine and processor", () => {
  const kernel = { kernel: "relaxed/narrow/dots", variant: "relaxed" };
  expect(kernelRows([dots, add, { ...dots, engine: "wasmtime" }])).toEqual([
    { ...kernel, code: { "V8 cortex-a76": { sdot: 2, all: 4 }, "wasmtime cortex-a76": { sdot: 2, all: 4 } } },
  ]);
  expect(formatCode([dots])[0]).toBe("kernels/relaxed/narrow/dots relaxed V8 cortex-a76: 2 sdot, of 4");
});

describeUnless(missingForMachineCode(), "the simd kernels on arm64", () => {
  it("are compiled by both engines, to the counting of bits and to table look-ups", { timeout: 120_000 }, () => {
    const all = compileKernels(["simd"], ["cortex-a76"]);
    for (const engine of ["V8", "wasmtime"]) {
      const of = (name: string) => all.find((each) => each.engine === engine && each.name === `kernels/${name}`);
      expect(of("index/sign128Bit")!.mnemonics, engine).toContain("cnt");
      expect(of("common/tables/eightTables")!.mnemonics, engine).toContain("tbl");
      expect(of("index/sign128Bit")!.mnemonics, engine).toContain("ret");
      expect(of("index/sign128Bit")!.mnemonics, engine).not.toContain("");
    }
  });
});
