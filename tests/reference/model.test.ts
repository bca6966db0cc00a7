import { expect, it } from "vitest";
import type { Program } from "../../host/program.ts";
import { invoke, runReference } from "../../host/reference/model.ts";

const sign = { kind: "thresholds", records: 1, count: 1, base: Int16Array.of(-1), ups: Uint16Array.of(1) } as const;

/** f32 → bit by its sign → three binary sums → index of the greatest. */
const program: Program = {
  modelId: 1n,
  modelVersion: 1,
  maxRows: 2,
  arena: { fixed: 0, perRow: 64 },
  tensors: [
    { dtype: "f32", height: 1, width: 1, channels: 2, fixed: 0, perRow: 0 },
    { dtype: "bit", height: 1, width: 1, channels: 2, fixed: 0, perRow: 16 },
    { dtype: "i32", height: 1, width: 1, channels: 3, fixed: 0, perRow: 32 },
    { dtype: "i32", height: 1, width: 1, channels: 1, fixed: 0, perRow: 48 },
  ],
  ops: [
    { kind: "quantize", inputs: [0], output: 1, post: { ...sign, steps: Int32Array.of(0) } },
    { kind: "dense", inputs: [1], output: 2, dtype: "binary", weights: Int8Array.of(1, 1, -1, 1, -1, -1) },
    { kind: "argmax", inputs: [2], output: 3 },
  ],
  inputs: [0],
  outputs: [3],
};

it("runs every op on every row and keeps what lies between", () => {
  const { tensors } = runReference(program, [Float32Array.of(0.5, 0, -0, 3)], 2);
  expect(tensors.map((tensor) => [...tensor])).toEqual([
    [0x3f000000, 0, -1, 0x40400000],
    [1, 1, -1, 1], // the order key of −0 is −1
    [2, 0, -2, 0, 2, 0],
    [0, 1],
  ]);
});

it("runs a range of ops on what the tensors hold", () => {
  const tensors = [new Int32Array(2), Int32Array.of(-1, -1), new Int32Array(3), new Int32Array(1)];
  invoke(program, tensors, 1, 1, 3);
  expect([...tensors[2]!, ...tensors[3]!]).toEqual([-2, 0, 2, 2]);
});

it.each([
  ["u8", 300, 44],
  ["u8", -1, 255],
  ["i8", 130, -126],
  ["i8", -128, -128],
] as const)("an %s tensor keeps the low bits of %i: %i", (dtype, code, kept) => {
  const one: Program = {
    ...program,
    tensors: [
      { dtype: "i16", height: 1, width: 1, channels: 1, fixed: 0, perRow: 0 },
      { dtype, height: 1, width: 1, channels: 1, fixed: 0, perRow: 16 },
    ],
    ops: [
      {
        kind: "quantize",
        inputs: [0],
        output: 1,
        post: { ...sign, base: Int16Array.of(code), steps: Int32Array.of(9) },
      },
    ],
    outputs: [1],
  };
  expect(runReference(one, [Int16Array.of(8)], 1).tensors[1]![0]).toBe(kept);
});
