import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { repackFor } from "../../host/blob/repack.ts";
import { importOptions, readCheckpoint } from "../../host/checkpoint/index.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { modelMemory } from "../../host/cost/fit.ts";
import { withinRam } from "../../host/cost/ram.ts";
import { convert, type RamBudget, v8, writeBlob } from "../../host/index.ts";
import { lifetimes } from "../../host/lifetimes.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Program } from "../../host/program.ts";
import { rowStride } from "../../host/shape.ts";
import { Random } from "../graph/random.ts";
import { DIGITS } from "../tools/tern.ts";
import { VARIANTS } from "../variants.ts";

const KB = 1024;
const { core } = VARIANTS;

/** Of [N, 3, 32, 32]: four 3 × 3 convolutions of 64 channels, two and two before a pool of 2 × 2, and ten scores. */
function vgg(weightBits: number): Uint8Array {
  const random = new Random(1);
  const quant = (from: string, to: string, bits: string) =>
    node(
      "Quant",
      [from, "one", "zero", bits],
      to,
      { signed: 1n, narrow: 0n, rounding_mode: "ROUND" },
      "qonnx.custom_op.general",
    );
  const most = 2 ** (weightBits - 1) - 1;
  const codes = (count: number) => Array.from({ length: count }, () => random.int(-most, most));
  const widths = [3, 64, 64, 64, 64];
  const layers = widths
    .slice(1)
    .flatMap((_, i) => [
      node("Conv", [`x${i}`, `w${i}`], `sums${i}`, { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n] }),
      quant(`sums${i}`, i % 2 ? `codes${i}` : `x${i + 1}`, "eight"),
      ...(i % 2 ? [node("MaxPool", [`codes${i}`], `x${i + 1}`, { kernel_shape: [2n, 2n], strides: [2n, 2n] })] : []),
    ]);
  const weights = widths
    .slice(1)
    .map((outputs, i) => floatTensor(`w${i}`, [outputs, widths[i]!, 3, 3], codes(outputs * widths[i]! * 9)));
  const graph = {
    name: "vgg",
    node: [
      quant("pixels", "x0", "eight"),
      ...layers,
      node("Flatten", ["x4"], "flat"),
      node("MatMul", ["flat", "head"], "scores"),
    ],
    initializer: [
      ...[floatTensor("one", [], [1]), floatTensor("zero", [], [0]), floatTensor("eight", [], [8])],
      ...[...weights, floatTensor("head", [4096, 10], codes(40_960))],
    ],
    input: [valueInfo("pixels", ["N", 3, 32, 32])],
    output: [valueInfo("scores", [])],
  };
  return encodeModel(model(graph, { "": 13, "qonnx.custom_op.general": 1 }, { name: "tests", version: "1" }));
}

/** The program of a checkpoint for a Cortex-M4. */
function programFor(checkpoint: Uint8Array): Program {
  const { graph } = readCheckpoint(checkpoint, importOptions({}));
  const about = { format: "onnx", file: "vgg.onnx", bytes: checkpoint.length, sha256: "0".repeat(64) };
  const { program } = lower(graph, {
    ...{ modelId: 0n, modelVersion: 1, name: "vgg", source: about, converter: { version: "0", choices: {} } },
  });
  return repackFor(program, "cortex-m4");
}

/** Forms of its convolutions within RAM, and what `fit` says then. */
async function fitted(all: Program, bytes = 2 ** 31) {
  const { program, gathered } = await withinRam(all, { bytes, moduleOf: async () => core, engine: v8 });
  const forms = program.ops.flatMap((op) => (op.kind === "conv2d" ? [op.form ?? "gather"] : []));
  return { forms, gathered, memory: await modelMemory(writeBlob(program), core, v8) };
}

/** Bytes of the tensors that are alive at once, at most. */
function alive({ tensors, ops, inputs, outputs }: Program): number {
  const lives = lifetimes(tensors.length, ops, inputs, outputs);
  const during = ops.map((_, op) =>
    tensors.reduce((sum, tensor, t) => {
      return lives[t]!.first <= op && op <= lives[t]!.last ? sum + rowStride(tensor) : sum;
    }, 0),
  );
  return Math.max(...during);
}

const ternary = programFor(vgg(2));
const int8 = programFor(vgg(8));

describe("RAM of a network like VGG, of 64 channels on 32 × 32 × 3", () => {
  it("is the largest set alive, and 28 KB of scratch where RAM suffices for scattering", async () => {
    const { forms, gathered, memory } = await fitted(ternary);
    expect(forms).toEqual(["gather", "scatter", "scatter", "scatter", "scatter"]); // taps of 3 channels are no strips
    expect(gathered).toBe(0);
    expect(memory.arena).toBeLessThanOrEqual(alive(ternary) + 2 * KB);
    expect(memory.scratch).toBeLessThanOrEqual(28 * KB);
    expect(await fitted(ternary, memory.bytes)).toEqual({ forms, gathered, memory });
  });

  it("is 6 KB of scratch where patches are gathered, and no less", async () => {
    const { memory: most } = await fitted(ternary);
    const { forms, gathered, memory } = await fitted(ternary, most.arena + 8 * KB);
    expect(forms).toEqual(["gather", "gather", "gather", "gather", "scatter"]); // of one position, which takes less
    expect(gathered).toBe(3);
    expect(memory.scratch).toBeLessThanOrEqual(6 * KB);
    expect(await fitted(ternary, memory.bytes)).toEqual({ forms, gathered, memory });
    const less = fitted(ternary, memory.bytes - 1);
    await expect(less).rejects.toThrow(InputError);
    await expect(less).rejects.toThrow(`ram ${memory.bytes - 1}, expected at least ${memory.bytes}: tables`);
  });

  it("gathers only where scattering does not fit, byte by byte", async () => {
    const { memory: most } = await fitted(ternary);
    const { forms, memory } = await fitted(ternary, most.bytes - 1);
    expect(forms).toEqual(["gather", "gather", "scatter", "scatter", "scatter"]); // half as wide behind the pool
    expect((await fitted(ternary, memory.bytes)).forms).toEqual(forms);
    expect((await fitted(ternary, memory.bytes - 1)).forms).toEqual([
      "gather",
      "gather",
      "gather",
      "gather",
      "scatter",
    ]);
  });

  it("decides on pairs of patches", async () => {
    const { forms, memory } = await fitted(int8);
    expect(forms).toEqual(["pair", "pair", "pair", "pair", "pair"]);
    const small = await fitted(int8, memory.bytes - 1);
    expect(small.forms).toEqual(["pair", "pair", "pair", "pair", "gather"]); // of 4,096 channels
    expect(small.memory.bytes).toBeLessThan(memory.bytes);
  });
});

describe("the target decides on forms of convolutions", () => {
  it.each([
    ["any", [undefined, undefined]],
    ["x86", [undefined, undefined]],
    ["cortex-m0", [undefined, "scatter"]],
    ["cortex-m4", ["pair", "scatter"]],
    ["rv32", ["pair", "scatter"]],
    ["cortex-m4:wasm3", [undefined, undefined]],
  ] as const)("%s: %j of int8 and ternary", (target, forms) => {
    const found = [int8, ternary].map((program) => repackFor(program, target).ops.at(-1));
    expect(found.map((op) => op?.kind === "conv2d" && op.form)).toEqual(forms);
  });
});

describe("convert with a budget", () => {
  const digits = readFileSync(DIGITS);
  const converted = (ram: object) =>
    convert(digits, { ram: { moduleOf: async () => core, engine: v8, bytes: 1, ...ram } as RamBudget });

  it("refuses what the model does not fit in", async () => {
    await expect(converted({ bytes: 100 })).rejects.toThrow(/ram 100, expected at least \d+: tables/);
    expect((await converted({ bytes: 10_000 })).notes).toEqual([]);
  });

  it.each([[{ bytes: 0 }], [{ bytes: -1 }], [{ bytes: 1.5 }], [{ bytes: "1" }], [{ bytes: 2 ** 32 }]])(
    "refuses %j",
    async (ram) => {
      await expect(converted(ram)).rejects.toThrow(/ram.bytes/);
      await expect(converted(ram)).rejects.toThrow(InputError);
    },
  );

  it.each([[{ bytes: 1, moduleOf: 1 }], [{ bytes: 1, engine: undefined }]])("refuses %j", async (ram) => {
    await expect(converted(ram)).rejects.toThrow(InputError);
  });
});
