import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeBlob } from "../../host/blob/write.ts";
import type { WasmtimeEngine } from "../../host/engines/wasmtime.ts";
import type { ActivationDtype, WeightDtype } from "../../host/program.ts";
import { planScratch } from "../../host/run/backend.ts";
import { rowStride } from "../../host/shape.ts";
import { ENGINES } from "../engines.ts";
import { Random } from "../graph/random.ts";
import { describeUnless } from "../skip.ts";
import { moduleNamed } from "../variants.ts";
import { programOf, weights } from "./programs.ts";

// The WebAssembly instructions of scalar kernels, counted by wasmtime's fuel: the same on every machine. The table of
// assembly/kernels/NOTES.md holds them.

interface Kernel {
  dtype: WeightDtype;
  input: ActivationDtype;
  /** Codes are 0 … greatest. */
  greatest: number;
  target?: "scalar_ternary_resident";
}

const KERNELS: Record<string, Kernel> = {
  "ternary × 8-bit codes": { dtype: "ternary", input: "u8", greatest: 255 },
  "ternary × 4-bit codes": { dtype: "ternary", input: "u8", greatest: 15 },
  "ternary × 8-bit codes, plain loops": {
    dtype: "ternary",
    input: "u8",
    greatest: 255,
    target: "scalar_ternary_resident",
  },
  "int2 × 8-bit codes": { dtype: "int2", input: "u8", greatest: 255 },
  "int3 × 8-bit codes": { dtype: "int3", input: "u8", greatest: 255 },
  "int4 × 8-bit codes": { dtype: "int4", input: "u8", greatest: 255 },
  "int8 × 8-bit codes": { dtype: "int8", input: "u8", greatest: 255 },
  "binary × 8-bit codes": { dtype: "binary", input: "u8", greatest: 255 },
  "binary × 4-bit codes": { dtype: "binary", input: "u8", greatest: 15 },
  "binary × bit": { dtype: "binary", input: "bit", greatest: 255 },
};

/** Inputs and outputs of the products that are compared: whole words and blocks of every kernel. */
const [K, M] = [640, 32];

const NOTES = readFileSync(join(import.meta.dirname, "../../assembly/kernels/NOTES.md"), "utf8");
const { engine } = ENGINES.wasmtime!;

describeUnless(typeof engine === "string" ? engine : undefined, "instructions of scalar kernels", () => {
  it.each(Object.entries(KERNELS))("%s: as assembly/kernels/NOTES.md says", async (name, kernel) => {
    const count = (inputs: number, outputs: number) => instructions(engine as WasmtimeEngine, kernel, inputs, outputs);
    const perInput = async (outputs: number) => ((await count(2 * K, outputs)) - (await count(K, outputs))) / K;
    const [few, many] = [await perInput(M), await perInput(2 * M)];
    const perProduct = (many - few) / M;
    const perCode = few - M * perProduct;
    expect(NOTES).toContain(`| ${name} | ${perProduct.toFixed(3)} | ${perCode.toFixed(1)} |`);
  });
});

/** What a dense op of one row takes. */
async function instructions(
  engine: WasmtimeEngine,
  { dtype, input, greatest, target }: Kernel,
  inputs: number,
  outputs: number,
): Promise<number> {
  const random = new Random(1);
  const codes = weights(dtype, inputs * outputs, random);
  const program = programOf(
    [
      [input, inputs],
      ["i32", outputs],
    ],
    [{ kind: "dense", inputs: [0], output: 1, dtype, weights: codes, tileChannels: outputs }], // one tile: no ops between tiles
    { maxRows: 1 },
  );
  const module = moduleNamed(target ?? "scalar");
  const blob = writeBlob(program);
  const blobAt = 16;
  const arena = blobAt + blob.length;
  const scratch = await planScratch({ module, blob, engine, weights: "resident", maxRows: 1 });
  const workBytes = program.arena.perRow + scratch;
  const fuel = 10_000_000_000;
  const imports = { weights_read: () => 1 }; // weights are resident
  const instance = await engine.instantiate(module, { memoryBytes: arena + workBytes, imports, fuel });
  instance.memory().set(blob, blobAt);
  expect(instance.call("open", blobAt, blob.length, arena, workBytes, 0, 1)).toBe(0);
  const row = instance.memory().subarray(arena, arena + rowStride(program.tensors[0]!));
  for (let i = 0; i < row.length; i++) row[i] = random.int(0, greatest);
  row[0] = greatest;
  expect(instance.call("invoke", 0, 1, 1)).toBe(0);
  const used = fuel - instance.fuelLeft();
  instance.dispose();
  return used;
}
