import { expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { repack } from "../../host/blob/repack.ts";
import type { Target } from "../../host/blob/targets.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { modelMemory } from "../../host/cost/fit.ts";
import type { Board } from "../../host/firmware/boards.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { v8 } from "../../host/index.ts";
import { deviceModule } from "../../host/node.ts";
import type { ActivationDtype, Conv2dOp, DenseOp, WeightDtype, Window } from "../../host/program.ts";
import { deviceBackend } from "../../host/run/device.ts";
import { elementCount } from "../../host/shape.ts";
import { MODELS } from "../../tools/bench/device/models.ts";
import { fitOf, predictFor } from "../../tools/commands/fit.ts";
import { startCounted } from "../../tools/rigs/counted_board.ts";
import { describeWith, TFC } from "../data.ts";
import { Random } from "../graph/random.ts";
import { elements, lookup, programOf, requantize, type TensorOf, thresholds, weights } from "../module/programs.ts";
import { SQUARE } from "../ops/windows.ts";
import { describeBoards } from "./boards.ts";

// The cost model against counted instructions, on networks that it was not made from.

/** Thresholds of −spread … spread. */
function steps(random: Random, spread: number, channels: number, count: number) {
  const up = () => Array.from({ length: count }, () => random.int(-spread, spread));
  return thresholds(...Array.from({ length: channels }, () => ({ base: count === 1 ? -1 : 0, up: up() })));
}

function scaled(random: Random, right: number, channels: number) {
  const record = () => ({
    multiplier: random.int(2 ** 29, 2 ** 30),
    offset: random.int(-999, 999),
    ...{ low: 0, left: 10, right },
  });
  const range = { lo: -128, hi: 127, rounding: "half-even" } as const;
  return requantize(range, ...Array.from({ length: channels }, record));
}

/** A network with every dtype of weights, and posts of both kinds. */
function mixed(): Uint8Array {
  const random = new Random(11);
  const dense = (input: number, dtype: WeightDtype, from: number, to: number, post?: DenseOp["post"]): DenseOp => {
    const op: DenseOp = {
      kind: "dense",
      inputs: [input],
      output: input + 1,
      dtype,
      weights: weights(dtype, from * to, random),
    };
    return post ? { ...op, post } : op;
  };
  const program = programOf(
    [
      ["u8", 150],
      ["u8", 150],
      ["u8", 60],
      ["i8", 72],
      ["i8", 40],
      ["bit", 96],
      ["u8", 50],
      ["i32", 11],
      ["i32", 1],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: lookup("u8", random) },
      dense(1, "int4", 150, 60, steps(random, 400, 60, 7)),
      dense(2, "int8", 60, 72, scaled(random, 11, 72)),
      dense(3, "int3", 72, 40, scaled(random, 11, 40)),
      dense(4, "ternary", 40, 96, steps(random, 400, 96, 1)),
      dense(5, "binary", 96, 50, steps(random, 400, 50, 15)),
      dense(6, "binary", 50, 11),
      { kind: "argmax", inputs: [7], output: 8 },
    ],
    { maxRows: 1 },
  );
  return writeBlob(program);
}

function windowOf(kernel: number, pad = 0, stride = 1): Window {
  const size = { kernelHeight: kernel, kernelWidth: kernel, strideY: stride, strideX: stride };
  return { ...SQUARE, ...size, padTop: pad, padLeft: pad };
}

/** A network of pictures: convolutions of every way (scattered, by twos, gathered, of bits, depthwise), pools and a sum. */
function pictures(): Uint8Array {
  const random = new Random(12);
  const conv = (
    [input, output]: [number, number],
    [dtype, from, to]: [WeightDtype, number, number],
    post?: Conv2dOp["post"],
    { kernel = 3, groups = 1 } = {},
  ): Conv2dOp => ({
    ...{ kind: "conv2d", inputs: [input], output, groups, pad: 0, dtype, ...(post && { post }) },
    window: windowOf(kernel, (kernel - 1) / 2),
    weights: weights(dtype, (to * kernel * kernel * from) / groups, random),
    ...(groups > 1 && { packing: "tap8" as const }),
  });
  const picture = (dtype: ActivationDtype, channels: number, size = 8): TensorOf => [dtype, [size, size, channels]];
  const program = programOf(
    [
      ...[picture("u8", 3), picture("u8", 16), picture("i8", 32), picture("i8", 32), picture("i8", 16)],
      ...[picture("u8", 32), picture("u8", 32, 4), picture("bit", 32, 4), picture("u8", 16, 4)],
      ["i32", 16],
      ["i32", 1],
    ],
    [
      conv([0, 1], ["int4", 3, 16], steps(random, 200, 16, 7)),
      conv([1, 2], ["ternary", 16, 32], scaled(random, 14, 32)),
      conv([2, 3], ["int8", 32, 32], scaled(random, 14, 32), { groups: 32 }),
      conv([3, 4], ["int8", 32, 16], scaled(random, 14, 16)),
      conv([4, 5], ["ternary", 16, 32], steps(random, 200, 32, 15), { kernel: 1 }),
      { kind: "maxpool", inputs: [5], output: 6, window: windowOf(2, 0, 2) },
      conv([6, 7], ["ternary", 32, 32], steps(random, 200, 32, 1)),
      conv([7, 8], ["binary", 32, 16], steps(random, 200, 16, 15)),
      { kind: "avgpool", inputs: [8], output: 9, window: windowOf(4) },
      { kind: "argmax", inputs: [9], output: 10 },
    ],
    { maxRows: 1 },
  );
  return writeBlob(program);
}

const NETWORKS: Record<string, () => Uint8Array | Promise<Uint8Array>> = {
  digits: async () => (await MODELS.digits()).blob,
  TFC_1W1A: async () => (await MODELS.TFC_1W1A()).blob,
  "784-256-256-10": async () => (await MODELS["784-256-256-10"]()).blob,
  "256-64-64-64-10 × i8": async () => (await MODELS["256-64-64-64-10 × i8"]()).blob,
  mixed,
  pictures,
};

/** Instructions of the second inference: in the first, an interpreter translates what it runs. */
async function countInference(board: Board, elf: string, blob: Uint8Array): Promise<number> {
  const program = readBlob(blob);
  const random = new Random(1);
  const rows = program.inputs.map((input) => {
    const tensor = program.tensors[input]!;
    return elements(tensor.dtype, elementCount(tensor), random);
  });
  const counted = await startCounted(board, elf);
  try {
    await counted.program(blob);
    counted.device.open(1);
    const backend = deviceBackend(program, counted.device, board.name, 1);
    const [, second] = [0, 1].map(() => {
      for (const [i, row] of rows.entries()) backend.write(program.inputs[i]!, row, 1);
      return counted.count(0, program.ops.length, 1);
    });
    return second! - counted.count(0, 0, 1);
  } finally {
    counted.close();
  }
}

describeWith([TFC], "instructions of an inference", () => {
  describeBoards("predicted", (board, runtime) => {
    it("within 10 % of what is counted", { timeout: 120_000 }, async () => {
      const runs = runtimeNamed(runtime);
      const core = board.core === "rv32imac" ? "rv32" : board.core;
      const target: Target = runtime === "wasm2c" ? core : `${core}:wasm3`;
      const found: Record<string, number> = {};
      for (const [name, make] of Object.entries(NETWORKS)) {
        const blob = repack(await make(), target);
        const { name: moduleName, module } = await deviceModule(runs, blob);
        const memory = await modelMemory(blob, module, v8, 1, runs.extraBytes);
        if (!fitOf(board, runs, moduleName, blob.length, memory).fits) continue;
        const { elf } = await buildImage(board, runs, module);
        const predicted = predictFor(board, runs, moduleName, readBlob(blob))!;
        found[name] = predicted / (await countInference(board, elf, blob));
      }
      expect(Object.keys(found).length).toBeGreaterThan(1);
      for (const [name, ratio] of Object.entries(found)) {
        expect(Math.abs(ratio - 1), `${name}: ${ratio} of what is counted; npm run firmware:measure`).toBeLessThan(0.1);
      }
    });
  });
});
