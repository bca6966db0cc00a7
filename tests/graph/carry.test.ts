import { describe, expect, it } from "vitest";
import { carryOffsets } from "../../host/graph/carry.ts";
import { checkGraph } from "../../host/graph/check.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { at, dequantize, type Quantizer, quantize } from "../../host/numbers/quantizer.ts";
import { applyStep, type Step } from "../../host/numbers/step.ts";
import { cpuMilliseconds } from "../cpu.ts";
import { expectAgreement } from "../lower/agree.ts";

const by = (...values: number[]) => Float64Array.from(values);
const INT4: Quantizer = {
  kind: "int",
  scale: by(0.5),
  zero: by(0),
  bits: 4,
  signed: true,
  narrow: false,
  rounding: "ROUND",
};
const SIGNS: Quantizer = { kind: "bipolar", scale: by(1) };
const CHANNELS = 3;
/** (2, 3). */
const WEIGHTS = [1, -1, 0, 3, 2, -7];

/** x[3] → quantizer → steps → dense[2]; `v0` … are the values of the steps, `y` that of the layer. */
function network(quantizer: Quantizer, steps: readonly Step[]): Graph {
  const nodes: Node[] = [{ op: "quantize", name: "q", inputs: ["x"], output: "codes", channels: CHANNELS, quantizer }];
  steps.forEach((step, i) => {
    const input = i === 0 ? "codes" : `v${i - 1}`;
    nodes.push({ op: "step", name: `s${i}`, inputs: [input], output: `v${i}`, channels: CHANNELS, step });
  });
  nodes.push(layer("y", nodes.at(-1)!.output));
  return { name: "affine", inputs: [{ name: "x", shape: [CHANNELS] }], nodes, outputs: ["y"] };
}

function layer(output: string, input: string): Node {
  const codes = Int32Array.from(WEIGHTS);
  const weights = { name: "w", outputs: 2, inputs: CHANNELS, codes, scale: by(0.25, 3), found: "latent" as const };
  return { op: "dense", name: `layer ${output}`, inputs: [input], output, channels: 2, weights };
}

/** The network by plain loops over real numbers. */
function definition(quantizer: Quantizer, steps: readonly Step[], x: readonly number[]): number[] {
  const real = x.map((v, c) =>
    steps.reduce((y, step) => applyStep(step, y, c), dequantize(quantizer, quantize(quantizer, v, c), c)),
  );
  return [0, 1].map((m) => real.reduce((sum, y, k) => sum + WEIGHTS[m * CHANNELS + k]! * y, 0) * at(by(0.25, 3), m));
}

const SAMPLES = Array.from({ length: 40 }, (_, i) => [i / 4 - 5, ((i * 7) % 40) / 4 - 5, ((i * 13) % 40) / 4 - 5]);

describe("constants before a layer", () => {
  it.each<[string, Step[], string[]]>([
    [
      "(x + 1) / 2",
      [
        { kind: "add", by: by(1) },
        { kind: "div", by: by(2) },
      ],
      ["div", "dense", "add"],
    ],
    [
      "2x − 1",
      [
        { kind: "mul", by: by(2) },
        { kind: "sub", by: by(1) },
      ],
      ["mul", "dense", "add"],
    ],
    ["x − 0.3", [{ kind: "sub", by: by(0.3) }], ["dense", "add"]],
    ["1 − x", [{ kind: "rsub", by: by(1) }], ["mul", "dense", "add"]],
    [
      "−(x + 2)",
      [
        { kind: "add", by: by(2) },
        { kind: "mul", by: by(-1) },
      ],
      ["mul", "dense", "add"],
    ],
    ["a constant per feature", [{ kind: "add", by: by(1, -0.5, 3) }], ["dense", "add"]],
    [
      "x − 3 + 3",
      [
        { kind: "sub", by: by(3) },
        { kind: "add", by: by(3) },
      ],
      ["dense"],
    ],
    [
      "relu(2x) + 1",
      [{ kind: "mul", by: by(2) }, { kind: "relu" }, { kind: "add", by: by(1) }],
      ["mul", "relu", "dense", "add"],
    ],
    [
      "a batch norm with one factor",
      [{ kind: "batchnorm", mean: by(1, 2, 3), variance: by(4), epsilon: 0, gamma: by(-3), beta: by(0, 1, 2) }],
      ["div", "mul", "dense", "add"],
    ],
    [
      "a chain",
      [
        { kind: "sub", by: by(0.25) },
        { kind: "mul", by: by(-0.1) },
        { kind: "rsub", by: by(1, 0, 2) },
        { kind: "div", by: by(3) },
        { kind: "add", by: by(-1) },
      ],
      ["mul", "mul", "div", "dense", "add"],
    ],
  ])("%s", (_, steps, expected) => {
    for (const quantizer of [INT4, SIGNS]) {
      const { graph, notes } = carryOffsets(network(quantizer, steps));
      checkGraph(graph);
      expect(graph.nodes.slice(1).map((node) => (node.op === "step" ? node.step.kind : node.op))).toEqual(expected);
      expect(graph.outputs).toEqual(["y"]);
      expect(notes).toHaveLength(1);
      const [y] = evaluate(graph, [Float32Array.from(SAMPLES.flat())], SAMPLES.length);
      const wanted = SAMPLES.flatMap((x) => definition(quantizer, steps, x));
      for (const [i, found] of y!.entries()) expect(found, `${i}`).toBeCloseTo(wanted[i]!, 5);
      const pixels = Uint8Array.from({ length: 256 * CHANNELS }, (_, i) => (i * 31) % 256);
      expectAgreement(graph, pixels, { input: { dtype: "u8", scale: "1/25" } });
    }
  });

  it("give sums of real 0 a real 0", () => {
    const third: Step[] = [
      { kind: "add", by: by(1) },
      { kind: "div", by: by(2) },
    ];
    const { graph } = carryOffsets(network(SIGNS, third)); // 0.25 · (b0 − b1), of bits 0 and 1
    const [y] = evaluate(graph, [Float32Array.of(1, 1, 1, -1, -1, 1)], 2);
    expect([y![0], y![2]]).toEqual([0, 0]);
  });

  it("serve several layers at once, and leave what else reads them", () => {
    const graph = network(INT4, [
      { kind: "add", by: by(1) },
      { kind: "div", by: by(2) },
    ]);
    graph.nodes.push(layer("z", "v1"));
    graph.outputs.push("z", "v1");
    const { graph: carried } = carryOffsets(graph);
    expect(carried.nodes.map(({ output }) => output)).toEqual([
      "codes",
      "v0",
      "v1",
      "v1_codes",
      "y_sums",
      "y",
      "z_sums",
      "z",
    ]);
    const [y, z, v1] = evaluate(carried, [Float32Array.of(1, -1, 2)], 1);
    expect(y).toEqual(z);
    expect([...v1!]).toEqual([1, 0, 1.5]);
  });

  it.each<[string, Step[]]>([
    [
      "a factor per feature",
      [
        { kind: "add", by: by(1) },
        { kind: "mul", by: by(1, 2, 3) },
      ],
    ],
    [
      "a factor of 0",
      [
        { kind: "add", by: by(1) },
        { kind: "mul", by: by(0) },
      ],
    ],
    ["a ReLU behind a constant", [{ kind: "add", by: by(1) }, { kind: "relu" }]],
    [
      "a bend",
      [
        { kind: "add", by: by(1) },
        { kind: "min", by: by(2) },
      ],
    ],
    [
      "a sum beyond float64",
      [
        { kind: "add", by: by(1e308) },
        { kind: "mul", by: by(1e10) },
      ],
    ],
  ])("stay where %s does not let them through, and are refused", (_, steps) => {
    const graph = network(INT4, steps);
    expect(carryOffsets(graph)).toEqual({ graph, notes: [] });
    expect(() => checkGraph(graph)).toThrow('"s1", between quantizer "q" and this layer, does more than scale');
  });

  it("cost a layer at every node of a long chain no more than one each", () => {
    const step = (i: number): Step => ({ kind: i % 2 === 0 ? "add" : "mul", by: by(i % 2 === 0 ? 1 : -1) });
    const graph = network(
      INT4,
      Array.from({ length: 4000 }, (_, i) => step(i)),
    );
    for (let i = 0; i < 4000; i++) graph.nodes.push(layer(`y${i}`, `v${i}`));
    graph.outputs.push(...Array.from({ length: 4000 }, (_, i) => `y${i}`));
    const start = cpuMilliseconds();
    const { graph: carried } = carryOffsets(graph);
    checkGraph(carried);
    expect(carried.nodes.length).toBeLessThan(4 * graph.nodes.length);
    expect(cpuMilliseconds() - start).toBeLessThan(2_000);
  });

  it("are refused where the scale vanishes", () => {
    const steps = Array.from({ length: 12 }, (): Step => ({ kind: "mul", by: by(1e-30) }));
    expect(() => checkGraph(carryOffsets(network(INT4, steps)).graph)).toThrow("becomes 0 or infinite");
  });
});
