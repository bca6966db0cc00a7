import { describe, expect, it } from "vitest";
import { convert } from "../../host/convert.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { loadReference } from "../../host/run/session.ts";
import { evaluateTwin, floatTwin } from "../../tools/bench/float_twin.ts";
import { randomMlp } from "../../tools/bench/random_mlp.ts";
import { DIGITS } from "../digits.ts";

const of = (...values: number[]) => Float64Array.from(values);

/** 2x − 1, sign, a layer of two channels, batch norm, a 4-bit ReLU, a layer of one. */
function graphOf(...more: Node[]): Graph {
  const nodes: Node[] = [
    { op: "step", name: "twice", inputs: ["x"], output: "a", channels: 2, step: { kind: "mul", by: of(2) } },
    { op: "step", name: "less", inputs: ["a"], output: "b", channels: 2, step: { kind: "sub", by: of(1) } },
    {
      op: "quantize",
      name: "sign",
      inputs: ["b"],
      output: "c",
      channels: 2,
      quantizer: { kind: "bipolar", scale: of(1) },
    },
    { op: "dense", name: "first", inputs: ["c"], output: "d", channels: 2, weights: weights([1, -1, 0, 1], 2, 2, 0.5) },
    {
      ...{ op: "step", name: "norm", inputs: ["d"], output: "e", channels: 2 },
      step: { kind: "batchnorm", mean: of(1, 0), variance: of(4), epsilon: 0, gamma: of(3), beta: of(0.25, 1) },
    },
    {
      ...{ op: "quantize", name: "relu", inputs: ["e"], output: "f", channels: 2 },
      quantizer: { kind: "int", scale: of(0.1), zero: of(0), bits: 4, signed: false, narrow: false, rounding: "ROUND" },
    },
    ...more,
    { op: "dense", name: "last", inputs: ["f"], output: "g", channels: 1, weights: weights([2, -3], 1, 2, 1) },
  ];
  return { name: "tiny", inputs: [{ name: "x", shape: [2] }], nodes, outputs: ["g"] };
}

function weights(codes: number[], outputs: number, inputs: number, scale: number) {
  return { name: "w", outputs, inputs, codes: Int32Array.from(codes), scale: of(scale), found: "on-grid" as const };
}

describe("floatTwin", () => {
  it("folds what stands around a product into its weights and bias", () => {
    const twin = floatTwin(graphOf());
    expect(twin.map(({ activation }) => activation)).toEqual(["relu", "none"]);
    const [x, y] = [0.75, 0.125];
    const [a, b] = [2 * x - 1, 2 * y - 1];
    const hidden = [((a - b) / 2 - 1) * 1.5 + 0.25, (b / 2) * 1.5 + 1].map((each) => Math.max(each, 0));
    expect(evaluateTwin(twin, Float32Array.of(x, y))[0]).toBeCloseTo(2 * hidden[0]! - 3 * hidden[1]!, 6);
  });

  it("refuses what it cannot fold", () => {
    const softmax: Node = { op: "softmax", name: "s", inputs: ["f"], output: "f2", channels: 2 };
    expect(() => floatTwin(graphOf(softmax))).toThrow(
      'graph "tiny", softmax "s": found softmax, expected affine steps',
    );
  });

  it("has as many weights as the digits example", async () => {
    const { checkpoint } = await convert(DIGITS, { file: "digits.onnx" });
    expect(floatTwin(checkpoint.graph).reduce((sum, layer) => sum + layer.weights.length, 0)).toBe(21_120);
  });
});

it("the random MLP is ternary, and all 4-bit codes occur between its layers", async () => {
  const { blob, program } = await convert(randomMlp(), { file: "random_mlp.onnx" });
  expect(program.ops.flatMap((op) => (op.kind === "dense" ? [op.dtype] : []))).toEqual([
    "ternary",
    "ternary",
    "ternary",
  ]);
  const pixels = Uint8Array.from({ length: 784 }, (_, i) => (i * 97) % 256);
  const seen: Set<number>[] = [];
  loadReference(blob).run(pixels, { see: (_, elements) => seen.push(new Set(elements)) });
  const codes = Array.from({ length: 16 }, (_, code) => code);
  expect(seen.filter((values) => codes.every((code) => values.has(code)) && values.size === 16)).toHaveLength(2);
});
