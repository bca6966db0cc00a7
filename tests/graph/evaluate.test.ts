import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { Step } from "../../host/numbers/step.ts";

const by = (...values: number[]) => Float64Array.from(values);
const int4 = (scale: number, zero = 0): Quantizer => ({
  kind: "int",
  scale: by(scale),
  zero: by(zero),
  bits: 4,
  signed: zero === 0,
  narrow: false,
  rounding: "ROUND",
});

/** A chain of nodes on two channels, `x` in and the last value out. */
function chain(
  ...parts: (Quantizer | Step | { weights: number[][]; scale: number[] } | "softmax" | "argmax")[]
): Graph {
  let channels = 2;
  const nodes = parts.map((part, i): Node => {
    const base = { name: `n${i}`, inputs: [i === 0 ? "x" : `v${i - 1}`], output: `v${i}` };
    if (part === "argmax") return { ...base, op: part, channels: 1 };
    if (part === "softmax") return { ...base, op: part, channels };
    if ("weights" in part) {
      const { weights, scale } = part;
      const inputs = channels;
      channels = weights.length;
      const codes = Int32Array.from(weights.flat());
      return {
        ...base,
        op: "dense",
        channels,
        weights: { name: "w", outputs: channels, inputs, codes, scale: by(...scale), found: "latent" },
      };
    }
    return part.kind === "int" || part.kind === "bipolar"
      ? { ...base, op: "quantize", channels, quantizer: part }
      : { ...base, op: "step", channels, step: part };
  });
  return { name: "chain", inputs: [{ name: "x", shape: [2] }], nodes, outputs: [nodes.at(-1)!.output] };
}

function run(graph: Graph, ...x: number[]): { output: number[]; trace: Record<string, number[]> } {
  const trace: Record<string, number[]> = {};
  const [output] = evaluate(graph, [Float32Array.from(x)], x.length / 2, (value, integers) => {
    trace[value] = [...integers];
  });
  return { output: [...output!], trace };
}

describe("evaluate", () => {
  it("holds codes without their zero point", () => {
    const { output, trace } = run(chain(int4(0.5, 3)), -9, 1);
    expect(trace).toEqual({ v0: [-3, 2] });
    expect(output).toEqual([-1.5, 1]);
  });

  it("keeps codes through a ReLU and scalar factors, and loses them in other steps", () => {
    const graph = chain(
      int4(0.5),
      { kind: "relu" },
      { kind: "mul", by: by(3) },
      { kind: "div", by: by(-2) },
      { kind: "add", by: by(1) },
    );
    const { output, trace } = run(graph, -2, 1.5);
    expect(trace).toEqual({ v0: [-4, 3], v1: [0, 3], v2: [0, 3], v3: [0, 3] });
    expect(output).toEqual([1, -1.25]);
  });

  it("keeps the code 0 for what a ReLU cuts from a negative scale", () => {
    const { output, trace } = run(chain(int4(-0.5), { kind: "relu" }), -2, 1.5);
    expect(trace).toEqual({ v0: [4, -3], v1: [0, -3] });
    expect(output).toEqual([0, 1.5]);
  });

  it("sums codes as integers and scales the sum", () => {
    const graph = chain(
      int4(0.1),
      {
        weights: [
          [1, -1],
          [3, 7],
          [0, 0],
        ],
        scale: [2, 0.5, 1],
      },
      { kind: "relu" },
    );
    const { output, trace } = run(graph, 0.5, -0.3, 0.2, 0.7);
    expect(trace).toEqual({ v0: [5, -3, 2, 7], v1: [8, -6, 0, -5, 55, 0] });
    expect(output).toEqual([8 * (0.1 * 2), 0, 0, 0, 55 * (0.1 * 0.5), 0].map(Math.fround));
  });

  it("takes the first of equal scores", () => {
    const graph = chain(
      int4(1),
      {
        weights: [
          [1, 0],
          [0, 1],
          [0, 1],
        ],
        scale: [1],
      },
      "argmax",
    );
    expect(run(graph, 1, 2, 3, 3, -1, -1).output).toEqual([1, 0, 0]);
  });

  it("never lets a −0 out", () => {
    expect(Object.is(run(chain(int4(1), { kind: "mul", by: by(-1) }), 0, 0).output[0], 0)).toBe(true);
  });

  it("ends in a softmax of real numbers", () => {
    const { output } = run(
      chain(
        int4(1),
        {
          weights: [
            [1, 0],
            [0, 1],
          ],
          scale: [Math.log(3)],
        },
        "softmax",
      ),
      1,
      0,
    );
    expect(output).toEqual([0.75, 0.25].map(Math.fround));
  });

  it.each([
    ["quantizer", chain({ kind: "pow", by: by(0.5) }, int4(1)), /quantizer "n1": sample 1, channel 0 is NaN/],
    ["output", chain(int4(1), { kind: "pow", by: by(0.5) }), /output "v1": sample 1, channel 0 is NaN/],
    ["argmax", chain(int4(1), { kind: "pow", by: by(0.5) }, "argmax"), /argmax "n2": sample 1, channel 0 is NaN/],
  ])("refuses NaN at a %s", (_, graph, message) => {
    expect(() => run(graph, 1, 1, -1, 1)).toThrow(InputError);
    expect(() => run(graph, 1, 1, -1, 1)).toThrow(message);
  });

  it("refuses inputs of the wrong size", () => {
    expect(() => evaluate(chain(int4(1)), [new Float32Array(3)], 1)).toThrow('input "x": 3 numbers, expected 2');
    expect(() => evaluate(chain(int4(1)), [], 1)).toThrow('input "x": 0 numbers, expected 2');
  });
});
