import { describe, expect, it } from "vitest";
import { GraphError, UnsupportedError } from "../../host/base/errors.ts";
import { checkGraph } from "../../host/graph/check.ts";
import type { Graph } from "../../host/graph/graph.ts";
import type { DenseNode } from "../../host/graph/ops/dense.ts";
import type { QuantizeNode } from "../../host/graph/ops/quantize.ts";
import type { StepNode } from "../../host/graph/ops/step.ts";
import type { IntQuantizer } from "../../host/numbers/quantizer.ts";
import { randomGraph } from "./random.ts";

const by = (...values: number[]) => Float64Array.from(values);

interface Parts {
  graph: Graph;
  quantize: QuantizeNode;
  quantizer: IntQuantizer;
  dense: DenseNode;
  step: StepNode;
}

/** x[2] → quantize → dense[3] → add → softmax, all well. */
function parts(): Parts {
  const quantizer: IntQuantizer = {
    kind: "int",
    scale: by(1),
    zero: by(0),
    bits: 8,
    signed: true,
    narrow: false,
    rounding: "ROUND",
  };
  const quantize: QuantizeNode = { op: "quantize", name: "q", inputs: ["x"], output: "codes", channels: 2, quantizer };
  const dense: DenseNode = {
    op: "dense",
    name: "d",
    inputs: ["codes"],
    output: "sums",
    channels: 3,
    weights: { name: "w", outputs: 3, inputs: 2, codes: new Int32Array(6), scale: by(1), found: "bare" },
  };
  const step: StepNode = {
    op: "step",
    name: "s",
    inputs: ["sums"],
    output: "y",
    channels: 3,
    step: { kind: "add", by: by(1, 2, 3) },
  };
  const graph: Graph = {
    name: "g",
    inputs: [{ name: "x", shape: [1, 2] }],
    nodes: [quantize, dense, step, { op: "softmax", name: "m", inputs: ["y"], output: "p", channels: 3 }],
    outputs: ["p"],
  };
  return { graph, quantize, quantizer, dense, step };
}

describe("checkGraph", () => {
  it("lets good graphs pass", () => {
    checkGraph(parts().graph);
    for (let seed = 0; seed < 50; seed++) checkGraph(randomGraph(seed));
  });

  it.each<[string, (p: Parts) => void, RegExp]>([
    [
      "a value read before it is defined",
      (p) => p.graph.nodes.reverse(),
      /softmax "m": reads "y", which no node before it defines/,
    ],
    ["a value defined twice", (p) => (p.dense.output = "codes"), /dense "d": defines "codes" a second time/],
    ["an unknown output", (p) => p.graph.outputs.push("z"), /output "z": no node defines it/],
    ["no output", (p) => (p.graph.outputs = []), /outputs: none/],
    ["an empty input", (p) => (p.graph.inputs[0]!.shape = [0]), /"x" has 0 channels/],
    ["wrong channels", (p) => (p.step.channels = 2), /step "s": 2 channels, expected 3/],
    [
      "a softmax inside",
      (p) => p.graph.nodes.push({ ...p.step, inputs: ["p"], output: "z" }),
      /softmax and argmax only serve outputs/,
    ],
    [
      "too few constants",
      (p) => (p.step.step = { kind: "mul", by: by(1, 2) }),
      /operand of mul has 2 entries, expected 1 or 3/,
    ],
    ["a NaN constant", (p) => (p.step.step = { kind: "mul", by: by(Number.NaN) }), /operand of mul has NaN at 0/],
    ["a scale of 0", (p) => (p.quantizer.scale = by(1, 0)), /quantize "q": scale has 0 at 1/],
    ["half a zero point", (p) => (p.quantizer.zero = by(0.5)), /zero point has 0.5 at 0, expected integers/],
    ["too many bits", (p) => (p.quantizer.bits = 33), /33 bits, expected 1 to 32/],
    ["weights of another width", (p) => (p.dense.weights.inputs = 3), /weights "w" have 3 inputs, expected 2/],
    ["too few weights", (p) => (p.dense.weights.codes = new Int32Array(5)), /weights "w" hold 5 codes, expected 6/],
    [
      "an infinite weight scale",
      (p) => (p.dense.weights.scale = by(Infinity)),
      /scale of weights "w" has Infinity at 0/,
    ],
  ])("refuses %s", (_, spoil, message) => {
    const spoilt = parts();
    spoil(spoilt);
    expect(() => checkGraph(spoilt.graph)).toThrow(GraphError);
    expect(() => checkGraph(spoilt.graph)).toThrow(message);
  });

  it.each<[string, (p: Parts) => void, RegExp]>([
    [
      "no quantizer behind the input",
      (p) => (p.dense.inputs = ["x"]),
      /no quantizer between the network.s input and this layer.*--input-quant/,
    ],
    ["a scale per channel", (p) => (p.quantizer.scale = by(1, 2)), /has one scale per feature/],
    [
      "sums that float64 cannot hold",
      (p) => {
        p.quantizer.bits = 32;
        p.dense.weights.codes.fill(2 ** 30);
      },
      /may exceed 2\^53/,
    ],
  ])("cannot convert %s", (_, spoil, message) => {
    const spoilt = parts();
    spoil(spoilt);
    expect(() => checkGraph(spoilt.graph)).toThrow(UnsupportedError);
    expect(() => checkGraph(spoilt.graph)).toThrow(message);
  });
});
