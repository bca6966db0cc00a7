import { expect, it } from "vitest";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { roundHalfEven } from "../../host/numbers/round.ts";

const NUMBERS = Float32Array.from({ length: 41 }, (_, i) => Math.fround((i - 20) * 0.37));
const SCALE = Math.fround(0.1);

function truncated(operands: string[], attributes: Record<string, bigint | string>): number[] {
  const file = encodeModel(
    model(
      {
        name: "trunc",
        node: [node("Trunc", ["x", ...operands], "y", attributes, "qonnx.custom_op.general")],
        initializer: [
          ...[floatTensor("scale", [], [SCALE]), floatTensor("zero", [], [0]), floatTensor("out", [], [8 * SCALE])],
          ...[floatTensor("seven", [], [7]), floatTensor("four", [], [4])],
        ],
        input: [valueInfo("x", ["N", 1])],
        output: [valueInfo("y", [])],
      },
      { "": 13, "qonnx.custom_op.general": 2 },
      { name: "tests", version: "1" },
    ),
  );
  return [...evaluate(importOnnx(file).graph, [NUMBERS], NUMBERS.length)[0]!];
}

/** What qonnx 1.0 computes, `custom_op/general/trunc.py`. */
const whole = (x: number) => roundHalfEven(x / SCALE);
const clamp = (x: number, least: number, most: number) => Math.min(Math.max(x, least), most);

it.each<[string, Record<string, bigint | string>, (x: number) => number]>([
  ["rounds down", { signed: 1n, narrow: 0n }, (x) => Math.floor(clamp(x, -8, 7))],
  ["rounds to the nearest", { signed: 1n, narrow: 1n, rounding_mode: "ROUND" }, (x) => roundHalfEven(clamp(x, -7, 7))],
  ["is unsigned", { signed: 0n, narrow: 0n }, (x) => Math.floor(clamp(x, 0, 15))],
])("Trunc %s, with the scale of its output", (_, attributes, round) => {
  const expected = [...NUMBERS].map((x) => Math.fround(round(whole(x) / 8) * Math.fround(8 * SCALE) + 0));
  expect(truncated(["scale", "zero", "seven", "out", "four"], attributes)).toEqual(expected);
});

it("Trunc of version 1 divides by the bits that it takes away, and keeps the scale", () => {
  const expected = [...NUMBERS].map((x) => Math.fround(Math.floor(whole(x) / 8) * SCALE + 0));
  expect(truncated(["scale", "zero", "seven", "four"], {})).toEqual(expected);
});
