import { describe, expect, it } from "vitest";
import { BlobError, GraphError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph } from "../../host/graph/graph.ts";
import type { FloatNode, FloatOp } from "../../host/graph/ops/float.ts";
import { lower } from "../../host/lower/lower.ts";
import type { FloatPost } from "../../host/program.ts";
import { load, loadReference } from "../../host/run/session.ts";
import { Random } from "../graph/random.ts";
import { expectReference } from "../module/agree.ts";
import { ACTIVATIONS, floatPost, someFloats, weights } from "../module/programs.ts";
import { seedCount } from "../seeds.ts";
import { describeModules, runsFloats } from "../variants.ts";
import { expectAgreement, OPTIONS } from "./agree.ts";

/** A graph of float nodes, each of which reads values before it. */
class Encoder {
  readonly graph: Graph;
  readonly #random: Random;
  readonly positions: number;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.positions = this.#random.int(1, 5);
    const shape = [this.positions, this.#random.int(1, 20)];
    this.graph = {
      name: "encoder",
      inputs: [{ name: "x", shape, layout: "hwc" }],
      nodes: [],
      outputs: [],
      isFloat: true,
    };
  }

  add(channels: number, inputs: string[], compute: FloatOp, rows?: FloatNode["rows"]): string {
    const output = `${compute.kind}${this.graph.nodes.length}`;
    this.graph.nodes.push({ op: "float", name: output, inputs, output, channels, compute, ...(rows && { rows }) });
    return output;
  }

  /** A BitLinear or a float layer. */
  linear(x: string, inputs: number, outputs: number): string {
    const post: FloatPost = floatPost(this.#random.pick([1, outputs]), 0.5);
    if (this.#random.chance(0.4)) {
      return this.add(outputs, [x], { kind: "float_linear", floats: someFloats(inputs * outputs), post });
    }
    const dtype = this.#random.pick(["ternary", "binary", "int8"] as const);
    const codes = { kind: "linear", dtype, weights: weights(dtype, inputs * outputs, this.#random), post } as const;
    return this.add(outputs, [x], codes, { levels: this.#random.pick([127, 7]), epsilon: Math.fround(1e-5) });
  }

  /** An encoder layer of C channels. */
  layer(x: string, C: number): string {
    const random = this.#random;
    const epsilon = Math.fround(1e-6);
    const norm = (value: string) =>
      random.chance(0.5)
        ? this.add(C, [value], { kind: "layer_norm", epsilon, post: floatPost(C) })
        : this.add(C, [value], { kind: "rms_norm", epsilon });
    const before = norm(x);
    const qkv = [0, 1, 2].map(() => this.linear(before, C, C));
    const heads = random.pick([1, 2]);
    const attention = { kind: "attention", heads, keyHeads: heads, scale: Math.fround((C / heads) ** -0.5) } as const;
    const middle = this.add(C, [x, this.linear(this.add(C, qkv, attention), C, C)], { kind: "float_add" });
    const hidden = this.linear(norm(middle), C, 2 * C);
    const gate = this.add(2 * C, [hidden], { kind: "activation", function: random.pick(ACTIVATIONS) });
    const gated = random.chance(0.3) ? this.add(2 * C, [gate, hidden], { kind: "float_mul" }) : gate;
    return this.add(C, [middle, this.linear(gated, 2 * C, C)], { kind: "float_add" });
  }
}

/** A small vision transformer of BitLinears and float layers, with random weights. */
function randomEncoder(seed: number): Graph {
  const random = new Random(seed + 1000);
  const encoder = new Encoder(seed);
  const [T, K] = encoder.graph.inputs[0]!.shape as [number, number];
  const C = 2 * random.int(1, 8);
  let x = encoder.linear("x", K, C);
  x = encoder.add(C, [x], { kind: "positions", floats: someFloats((T + 1) * C) });
  for (let layers = random.int(1, 2); layers > 0; layers--) x = encoder.layer(x, C);
  x = encoder.add(C, [x], random.chance(0.5) ? { kind: "mean" } : { kind: "pick", position: random.int(0, T) });
  encoder.graph.outputs = [encoder.linear(x, C, 3)];
  if (random.chance(0.3)) {
    encoder.graph.nodes.push({
      op: "softmax",
      name: "p",
      inputs: [...encoder.graph.outputs],
      output: "p",
      channels: 3,
    });
    encoder.graph.outputs = ["p"];
  }
  return encoder.graph;
}

const GRAPHS = seedCount(100);

const inputOf = ({ inputs }: Graph, rows: number, seed: number) => {
  const random = new Random(seed);
  const count = inputs[0]!.shape.reduce((a, b) => a * b, rows);
  return Float32Array.from({ length: count }, () => 6 * random.unit() - 3);
};

it("programs of random encoders compute what their graphs do, in every value", () => {
  for (let seed = 0; seed < GRAPHS; seed++) {
    const graph = randomEncoder(seed);
    expectAgreement(graph, inputOf(graph, 2, seed));
  }
});

describeModules(
  "random encoders",
  (engine, module) => {
    it("have the reference's bits, and the scores of their graphs", async () => {
      for (let seed = 0; seed < GRAPHS; seed++) {
        const graph = randomEncoder(seed);
        const { program } = lower(graph, { ...OPTIONS, maxRows: 3 });
        const x = inputOf(graph, 3, seed);
        await expectReference(program, engine, module, [[x]], { oneByOne: true, ways: ["streaming"] });
        const session = await load({ module, engine, blob: writeBlob(program) });
        expect(session.run(x)[0]!.scores).toEqual(evaluate(graph, [x], 3)[0]);
        session.dispose();
      }
    });
  },
  runsFloats,
);

it("codes of a value are made once for all layers that read them", () => {
  const encoder = new Encoder(1);
  const [, K] = encoder.graph.inputs[0]!.shape as [number, number];
  const layer = { kind: "linear", dtype: "binary", weights: new Int8Array(2 * K).fill(1), post: floatPost(1) } as const;
  const rows = { levels: 127, epsilon: 1 };
  const parts = [0, 1].map(() => encoder.add(2, ["x"], layer, rows));
  encoder.graph.outputs = [
    encoder.add(2, [...parts, encoder.add(2, ["x"], layer, { ...rows, levels: 7 })].slice(1), { kind: "float_add" }),
  ];
  encoder.graph.outputs.push(parts[0]!);
  const kinds = lower(encoder.graph, OPTIONS).program.ops.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "quantize_rows")).toHaveLength(2);
});

describe("what is refused", () => {
  const graph = (change: (encoder: Encoder, K: number) => void): Graph => {
    const encoder = new Encoder(2);
    change(encoder, encoder.graph.inputs[0]!.shape[1]!);
    encoder.graph.outputs = [encoder.graph.nodes.at(-1)!.output];
    return encoder.graph;
  };
  it.each<[string, (encoder: Encoder, K: number) => void, string]>([
    [
      "weights that are no matrix",
      (e, K) => e.add(1, ["x"], { kind: "float_linear", floats: someFloats(K + 1), post: floatPost(1) }),
      "1 channels, expected 1.",
    ],
    [
      "heads that do not divide",
      (e, K) => e.add(K, ["x", "x", "x"], { kind: "attention", heads: K + 1, keyHeads: 1, scale: 1 }),
      "expected whole ones",
    ],
    ["a position that is not there", (e, K) => e.add(K, ["x"], { kind: "pick", position: 99 }), "position 99 of"],
    [
      "codes for a layer of floats",
      (e, K) =>
        e.add(
          1,
          ["x"],
          { kind: "float_linear", floats: someFloats(K), post: floatPost(1) },
          { levels: 127, epsilon: 1 },
        ),
      "codes of each position",
    ],
    ["too few operands", (e, K) => e.add(K, ["x"], { kind: "float_add" }), "reads 1 values, expected 2"],
    [
      "a post of other channels",
      (e, K) => e.add(K, ["x"], { kind: "layer_norm", epsilon: 1, post: floatPost(K + 1) }),
      `expected 1 or`,
    ],
  ])("%s", (_, change, why) => {
    expect(() => lower(graph(change), OPTIONS)).toThrow(GraphError);
    expect(() => lower(graph(change), OPTIONS)).toThrow(why);
  });

  it("NaN and infinite inputs", () => {
    const { program } = lower(randomEncoder(3), OPTIONS);
    const session = loadReference(writeBlob(program));
    const x = inputOf(randomEncoder(3), 1, 1);
    for (const bad of [Number.NaN, Infinity]) {
      expect(() => session.run(x.with(x.length - 1, bad))).toThrow("expected finite numbers");
    }
  });

  it("a description whose input has steps, or another tensor, before a region", () => {
    const { program } = lower(randomEncoder(3), OPTIONS);
    const [input] = program.description.inputs;
    const { description } = program;
    for (const change of [{ codes: 1 }, { steps: [{ kind: "relu" as const }] }]) {
      const changed = { ...program, description: { ...description, inputs: [{ ...input!, ...change }] } };
      expect(() => readBlob(writeBlob(changed))).toThrow(BlobError);
    }
  });
});
