import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../../host/base/errors.ts";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { convert } from "../../../host/convert.ts";
import { evaluate } from "../../../host/graph/evaluate.ts";
import { loadReference } from "../../../host/run/session.ts";
import { verify } from "../../../host/verify.ts";
import { erf } from "../onnx_arrays.ts";
import type { Given } from "./definition.ts";
import { fileOf, numbers, tensorsOf } from "./tensors.ts";

// Encoders described by hand, beside what docs/arch.md says of their layers, in plain float64 loops over [position][channel].

type Sequence = number[][];
// biome-ignore lint/suspicious/noExplicitAny: the JSON as people write it
type Json = any;

const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
const mean = (list: number[]) => sum(list) / list.length;
const elementwise = (f: (e: number) => number) => (x: Sequence) => x.map((row) => row.map(f));
const pairwise = (f: (a: number, b: number) => number) => (x: Sequence, y: Sequence) =>
  x.map((row, t) => row.map((e, c) => f(e, y[t]![c]!)));

function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  return x - down === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

/** What the network makes of a picture [channels, height, width], or of a sequence that is a picture of one row. */
function compute({ input: { shape }, layers }: Json, tensors: Record<string, Given>, pixels: number[]): number[] {
  const results = new Map<string, Sequence>();
  let x: Sequence = [pixels];
  for (const [i, layer] of (layers as Json[]).entries()) {
    const name: string = layer.name ?? `${layer.op}_${i}`;
    const from = layer.from === undefined ? x : results.get(layer.from)!;
    const tensor = (field: string, usual: string) => {
      const given = layer.tensors?.[field];
      return given === false ? undefined : tensors[given ?? `${name}.${usual}`]?.data;
    };
    const other = (field: string) => results.get(layer[field])!;
    x = LAYERS[layer.op]!({ layer, x: from, shape, tensor, other });
    results.set(name, x);
  }
  return x.flat();
}

interface Call {
  layer: Json;
  x: Sequence;
  shape: number[];
  tensor(field: string, usual: string): number[] | undefined;
  other(field: string): Sequence;
}

const affine = ({ tensor }: Call, row: number[]) =>
  row.map((e, c) => e * (tensor("weight", "weight")?.[c] ?? 1) + (tensor("bias", "bias")?.[c] ?? 0));

const LAYERS: Record<string, (call: Call) => Sequence> = {
  // patches that lie side by side, as tokens
  conv2d({ layer: { kernel: k, outputs }, x, shape, tensor }) {
    const [C, H, W] = shape as [number, number, number];
    const weight = tensor("weight", "weight")!;
    return Array.from({ length: (H / k) * (W / k) }, (_, p) => {
      const [top, left] = [Math.floor(p / (W / k)) * k, (p % (W / k)) * k];
      return Array.from({ length: outputs }, (_, m) => {
        let total = tensor("bias", "bias")?.[m] ?? 0;
        for (let c = 0; c < C; c++)
          for (let i = 0; i < k; i++)
            for (let j = 0; j < k; j++)
              total += weight[((m * C + c) * k + i) * k + j]! * x[0]![(c * H + top + i) * W + left + j]!;
        return total;
      });
    });
  },
  tokens: ({ x }) => x,
  class_token: ({ x, tensor }) => [tensor("token", "token")!, ...x],
  positions: ({ x, tensor }) =>
    x.map((row, t) => row.map((e, c) => e + tensor("embedding", "embedding")![t * row.length + c]!)),

  layer_norm: (call) =>
    call.x.map((row) => {
      const m = mean(row);
      const deviation = Math.sqrt(mean(row.map((e) => (e - m) ** 2)) + (call.layer.epsilon ?? 1e-5));
      return affine(
        call,
        row.map((e) => (e - m) / deviation),
      );
    }),

  rms_norm: (call) =>
    call.x.map((row) => {
      const root = Math.sqrt(mean(row.map((e) => e * e)) + (call.layer.epsilon ?? 1e-5));
      return affine(
        call,
        row.map((e) => e / root),
      );
    }),

  dense({ layer, x, tensor }) {
    const weight = tensor("weight", "weight")!;
    const scale = mean(weight.map(Math.abs));
    const real =
      layer.weights === "ternary"
        ? weight.map((w) => Math.max(-1, Math.min(1, roundHalfEven(w / scale))) * scale)
        : weight;
    return x.map((row) => {
      const [K, M] = [row.length, weight.length / row.length];
      const levels = 2 ** (layer.activations - 1) - 1;
      const most = Math.max(1e-5, ...row.map(Math.abs));
      const codes = layer.activations ? row.map((e) => (roundHalfEven((e * levels) / most) * most) / levels) : row;
      return Array.from(
        { length: M },
        (_, m) => sum(codes.map((e, k) => real[m * K + k]! * e)) + (tensor("bias", "bias")?.[m] ?? 0),
      );
    });
  },

  attention({ layer: { heads, keys }, x, other }) {
    const C = keys ? x[0]!.length : x[0]!.length / 3;
    const part = (i: number) => x.map((row) => row.slice(i * C, (i + 1) * C));
    const [q, k, v] = keys ? [x, other("keys"), other("values")] : [part(0), part(1), part(2)];
    const d = C / heads;
    return x.map((_, t) =>
      Array.from({ length: C }, (_, c) => {
        const first = Math.floor(c / d) * d;
        const scores = k!.map((key) =>
          Math.exp(sum(Array.from({ length: d }, (_, i) => q![t]![first + i]! * key[first + i]!)) / Math.sqrt(d)),
        );
        return sum(scores.map((s, u) => s * v![u]![c]!)) / sum(scores);
      }),
    );
  },

  gelu: ({ layer, x }) =>
    elementwise((e) =>
      layer.approximate
        ? (e / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (e + 0.044715 * e ** 3)))
        : (e / 2) * (1 + erf(e / Math.SQRT2)),
    )(x),
  silu: ({ x }) => elementwise((e) => e / (1 + Math.exp(-e)))(x),
  relu2: ({ x }) => elementwise((e) => Math.max(e, 0) ** 2)(x),
  add: ({ x, other }) => pairwise((a, b) => a + b)(x, other("with")),
  multiply: ({ x, other }) => pairwise((a, b) => a * b)(x, other("with")),
  mean: ({ x }) => [x[0]!.map((_, c) => mean(x.map((row) => row[c]!)))],
  pick: ({ x, layer }) => [x[layer.position]!],
};

const BIT = { weights: "ternary", activations: 8 };
const input = { name: "pixels", shape: [3, 8, 8] };
const embedded = [
  { op: "conv2d", name: "patches", outputs: 8, kernel: 4, stride: 4 },
  { op: "tokens", name: "x" },
];
const PATCHES = { "patches.weight": [8, 3, 4, 4], "patches.bias": [8] };
const head = [{ op: "mean" }, { op: "dense", name: "head" }];
const HEAD = { "head.weight": [3, 8], "head.bias": [3] };

const NETWORKS: Record<string, [arch: Json, shapes: Record<string, number[]>]> = {
  "a ViT of BitLinears": [
    {
      input,
      layers: [
        ...embedded,
        { op: "class_token", name: "class" },
        { op: "positions", name: "placed" },
        { op: "layer_norm", name: "n1" },
        { op: "dense", name: "qkv", ...BIT },
        { op: "attention", heads: 2 },
        { op: "dense", name: "proj", ...BIT },
        { op: "add", name: "middle", with: "placed" },
        { op: "layer_norm", name: "n2", epsilon: 1e-6 },
        { op: "dense", name: "fc1", ...BIT },
        { op: "gelu", name: "gate" },
        { op: "dense", name: "up", from: "n2", ...BIT },
        { op: "multiply", with: "gate" },
        { op: "dense", name: "fc2", ...BIT, activations: 4 },
        { op: "add", with: "middle" },
        { op: "pick", position: 0 },
        { op: "dense", name: "head", ...BIT },
      ],
    },
    {
      ...PATCHES,
      "class.token": [1, 1, 8],
      "placed.embedding": [1, 5, 8],
      ...{ "n1.weight": [8], "n1.bias": [8], "n2.weight": [8] },
      ...{ "qkv.weight": [24, 8], "qkv.bias": [24], "proj.weight": [8, 8], "fc1.weight": [16, 8] },
      ...{ "up.weight": [16, 8], "fc2.weight": [8, 16] },
      ...HEAD,
    },
  ],
  "queries, keys and values of three layers, RMSNorm, floats": [
    {
      input,
      layers: [
        ...embedded,
        { op: "rms_norm", name: "n" },
        { op: "dense", name: "k", from: "n" },
        { op: "dense", name: "v", from: "n" },
        { op: "dense", name: "q", from: "n" },
        { op: "attention", heads: 4, keys: "k", values: "v" },
        ...head,
      ],
    },
    { ...PATCHES, "n.weight": [8], "q.weight": [8, 8], "k.weight": [8, 8], "v.weight": [8, 8], ...HEAD },
  ],
  ...Object.fromEntries(
    [{ op: "silu" }, { op: "relu2" }, { op: "gelu", approximate: "tanh" }, { op: "rms_norm" }].map((layer) => [
      `${layer.op}${"approximate" in layer ? " of tanh" : ""}`,
      [
        { input, layers: [...embedded, { op: "dense", name: "d" }, layer, ...head] },
        { ...PATCHES, "d.weight": [8, 8], ...HEAD },
      ],
    ]),
  ),
};

describe("an encoder described by hand", () => {
  it.each(Object.entries(NETWORKS))("%s", (_, [arch, shapes]) => {
    const tensors = tensorsOf(shapes);
    const { graph } = readCheckpoint(fileOf(tensors), { floats: "region" }, JSON.stringify(arch));
    const pixels = numbers(99, 3 * 64);
    const rows = Float32Array.from(pixels, (_, i) => pixels[(i % 3) * 64 + Math.floor(i / 3)]!); // channels last
    const [found] = evaluate(graph, [rows], 1);
    const expected = compute(arch, tensors, pixels);
    expect(found).toHaveLength(expected.length);
    for (const [i, score] of found!.entries()) expect(score).toBeCloseTo(expected[i]!, 4);
  });

  it("is verified, its BitLinears as codes of rows times ternary weights", async () => {
    const [arch, shapes] = NETWORKS["a ViT of BitLinears"]!;
    const checkpoint = fileOf(tensorsOf(shapes));
    const text = JSON.stringify(arch);
    const { blob, program } = await convert(checkpoint, { arch: text, weights: "float" });
    const linears = program.ops.filter((op) => op.kind === "linear");
    expect(linears.map(({ dtype }) => dtype)).toEqual(new Array(8).fill("ternary")); // three of them of qkv
    expect(program.ops.filter(({ kind }) => kind === "quantize_rows")).toHaveLength(5); // the codes of n2 are made once
    const sessions = { reference: loadReference(blob) };
    const inputs = [Float32Array.from(numbers(7, 4 * 192))];
    const { differences } = verify({ blob: program, sha256: "", checkpoint, arch: text, sessions, inputs });
    expect(differences).toEqual([]);
  });
});

describe("is refused:", () => {
  const refused = (layers: object[], shapes: Record<string, number[]> = {}) => {
    const text = JSON.stringify({ input, layers: [...embedded, ...layers] });
    return () => readCheckpoint(fileOf(tensorsOf({ ...PATCHES, ...shapes })), { floats: "region" }, text);
  };

  it.each<[string, object[], Record<string, number[]>, string]>([
    ["heads that do not fit", [{ op: "attention", heads: 3, keys: "x", values: "x" }], {}, "heads: found 3"],
    ["a third of other channels", [{ op: "attention", heads: 2 }], {}, "has 8 channels"],
    ["keys without values", [{ op: "attention", heads: 2, keys: "x" }], {}, "found keys alone"],
    ["a position beyond the last", [{ op: "pick", position: 4 }], {}, "position: found 4, expected one of 4"],
    [
      "an embedding of other positions",
      [{ op: "positions", name: "p" }],
      { "p.embedding": [5, 8] },
      "has shape [5, 8], expected [4, 8]",
    ],
    ["tokens of a sequence", [{ op: "tokens" }], {}, "expected a picture"],
    ["a mean of a vector", [{ op: "mean" }, { op: "mean" }], {}, "expected a sequence"],
    ["a product of other shapes", [{ op: "mean" }, { op: "multiply", with: "x" }], {}, "expected equal ones"],
    ["codes of 5 bits", [{ op: "dense", activations: 5 }], {}, "activations: found 5"],
  ])("%s", (_, layers, shapes, why) => {
    expect(refused(layers, shapes)).toThrow(why);
  });

  it("as a network of codes, with what to say", () => {
    const [arch, shapes] = NETWORKS["a ViT of BitLinears"]!;
    const read = () => readCheckpoint(fileOf(tensorsOf(shapes)), {}, JSON.stringify(arch));
    expect(read).toThrow(UnsupportedError);
    expect(read).toThrow("--weights float");
  });
});
