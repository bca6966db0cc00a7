import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointError, InputError, UnsupportedError } from "../../host/base/errors.ts";
import { int64Tensor } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { decodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { v8 } from "../../host/engines/v8.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { readModule } from "../../host/node.ts";
import { realOf } from "../../host/numbers/unit.ts";
import { classOf } from "../../host/run/describe.ts";
import { load, loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { DATA, describeWith, MNIST_IMAGES, MNIST_LABELS } from "../data.ts";
import { Random } from "../graph/random.ts";
import { ALL_SEEDS } from "../seeds.ts";
import {
  attended,
  BIT_LINEARS,
  encoder,
  File,
  type Form,
  GELUS,
  most,
  NORMS,
  RMS_NORMS,
  SCALES,
  scores,
} from "./encoder_file.ts";
import { computed } from "./onnx_arrays.ts";
import { refusalsIn } from "./refusals.ts";

// Float networks of ONNX files, as PyTorch exports encoders: each beside ONNX's definition of its nodes in float64.

/** What the nodes of a file's graph compute. */
function kindsOf(bytes: Uint8Array): string[] {
  const { nodes } = importOnnx(bytes, { floats: "region" }).graph;
  return nodes.flatMap((node) => (node.op === "float" ? [node.compute.kind] : []));
}

/** Scores of a file's network, by the evaluator, beside ONNX's definition. */
function expectScores(bytes: Uint8Array, dims: number[], seed = 9): void {
  const random = new Random(seed);
  const x = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.unit() * 4 - 2);
  const expected = computed(decodeModel(bytes).graph as Parameters<typeof computed>[0], {
    dims: [1, ...dims],
    data: Float64Array.from(x),
  });
  const { graph } = importOnnx(bytes, { floats: "region" });
  const found = evaluate(graph, [rowOf(x, dims)], 1);
  expect(found[0]!.length).toBe(expected[0]!.data.length);
  for (const [i, score] of found[0]!.entries()) expect(score, `score ${i}`).toBeCloseTo(expected[0]!.data[i]!, 4);
}

/** A picture with its channels last. */
function rowOf(x: Float32Array, dims: number[]): Float32Array {
  if (dims.length < 3) return x;
  const [C, H, W] = dims as [number, number, number];
  return Float32Array.from(x, (_, i) => x[(i % C) * H * W + Math.floor(i / C)]!);
}

describe("an encoder", () => {
  const forms = Object.keys(NORMS).flatMap((norm) =>
    Object.keys(GELUS).map((gelu, i): [string, Form] => {
      const scale = Object.keys(SCALES)[i % 3]!;
      const form = { norm, gelu, scale, heads: [1, 2, 4][i % 3]!, isFused: i % 2 === 0 };
      return [
        `${norm} norm, gelu ${gelu}, ${scale}, ${form.heads} heads, ${form.isFused ? "one" : "three"} matrices`,
        form,
      ];
    }),
  );
  it.each(forms)("%s", (_, form) => {
    const file = new File(5);
    const [T, C] = [5, 8];
    const mean = file.one("ReduceMean", [encoder(file, "x", T, C, form)], { axes: [1n], keepdims: 0n });
    const scores = file.one("Gemm", [mean, file.floats([3, C]), file.floats([3])], { transB: 1n });
    expectScores(file.bytes([T, C], scores), [T, C]);
  });
});

describe("RMSNorm", () => {
  it.each(Object.entries(RMS_NORMS))("%s", (_, norm) => {
    const file = new File(11);
    const read = file.linear(norm(file, file.linear("x", 6, 8), 8), 8, 3);
    const bytes = file.bytes([4, 6], scores(file, read));
    expectScores(bytes, [4, 6]);
    expect(kindsOf(bytes)).toContain("rms_norm");
  });
});

describe("BitLinear", () => {
  it.each(Object.entries(BIT_LINEARS))("%s", async (_, bitLinear) => {
    const file = new File(12);
    const hidden = bitLinear(file, file.linear("x", 6, 8), 8, 12);
    const bytes = file.bytes([4, 6], scores(file, bitLinear(file, hidden, 12, 3)));
    expectScores(bytes, [4, 6]);
    const { program } = await convert(bytes, { weights: "float" });
    const linears = program.ops.filter((op) => op.kind === "linear");
    expect(linears.map(({ dtype }) => dtype)).toEqual(["ternary", "ternary"]);
    expect(program.ops.filter(({ kind }) => kind === "quantize_rows")).toHaveLength(2);
  });

  it("whose weights an exporter has folded, in f32, is ternary", () => {
    const file = new File(17);
    const [K, M, s] = [64, 3, Math.fround(0.0371)];
    const w = Array.from({ length: K * M }, () => Math.fround((file.random.unit() * 2 - 1) * 8 * s));
    const q = w.map((each) => Math.fround(Math.max(-1, Math.min(1, Math.round(each / s))) * s));
    const folded = w.map((each, i) => Math.fround(each + Math.fround(q[i]! - each)));
    expect(folded).not.toEqual(q);
    let next = 0;
    const weights = file.floats([K, M], () => folded[next++]!);
    const scale = file.one("Div", [file.number(127), most(file, "x")]);
    const codes = file.one("Div", [file.one("Round", [file.one("Mul", ["x", scale])]), scale]);
    const bytes = file.bytes([4, K], scores(file, file.one("MatMul", [codes, weights])));
    expectScores(bytes, [4, K]);
    const { nodes } = importOnnx(bytes, { floats: "region" }).graph;
    const [linear] = nodes.flatMap((node) =>
      node.op === "float" && node.compute.kind === "linear" ? [node.compute] : [],
    );
    expect(linear!.dtype).toBe("ternary");
    expect(Math.abs(linear!.post.scale[0]! / s - 1)).toBeLessThan(2 ** -22);
  });

  it.each<[string, (file: File, fused: string) => string[]]>([
    [
      "picked along an axis of parts",
      (file, fused) => {
        const parts = file.one("Transpose", [file.one("Reshape", [fused, file.ints(-1, 4, 3, 8)])], {
          perm: [2n, 0n, 1n, 3n],
        });
        return [0, 1, -1].map((i) => file.one("Gather", [parts, file.index(i)], { axis: 0n }));
      },
    ],
    [
      "split along an axis of parts",
      (file, fused) => {
        const parts = file.one("Reshape", [fused, file.ints(-1, 4, 3, 8)]);
        const three = file.add("Split", [parts], { axis: 2n }, 3);
        return three.map((part) => file.one("Squeeze", [part, file.ints(2)]));
      },
    ],
    [
      "sliced, under one axis more",
      (file, fused) => {
        const raised = file.one("Unsqueeze", [fused, file.ints(0)]);
        const slices = [0, 1, 2].map((i) => {
          const bounds = [file.ints(8 * i), file.ints(i === 2 ? 1000 : 8 * i + 8), file.ints(-1)];
          return file.one("Slice", [raised, ...bounds]);
        });
        return slices.map((slice) => file.one("Squeeze", [slice, file.ints(0)]));
      },
    ],
  ])("whose queries, keys and values are %s", (_, partsOf) => {
    const file = new File(15);
    const parts = partsOf(file, BIT_LINEARS["codes times their scale, weights on a grid"]!(file, "x", 8, 24));
    expectScores(file.bytes([4, 8], scores(file, attended(file, parts, 4, 8, 2))), [4, 8]);
  });

  it("of one matrix for queries, keys and values, whose codes are made once", async () => {
    const file = new File(13);
    const fused = BIT_LINEARS["codes times their scale, weights on a grid"]!(file, "x", 8, 24);
    const parts = file.add("Split", [fused, file.ints(8, 8, 8)], { axis: 2n }, 3);
    const bytes = file.bytes([4, 8], scores(file, attended(file, parts, 4, 8, 2)));
    expectScores(bytes, [4, 8]);
    const { program } = await convert(bytes, { weights: "float" });
    expect(program.ops.map(({ kind }) => kind)).toEqual([
      "quantize_rows",
      "linear",
      "linear",
      "linear",
      "attention",
      "mean",
    ]);
  });
});

it("layers of positions that stand where the batch does, as torch.nn.MultiheadAttention has them", () => {
  const file = new File(16);
  const turned = file.one("Transpose", ["x"], { perm: [1n, 0n, 2n] });
  const rows = file.one("Reshape", [turned, file.ints(4, 6)]);
  const made = file.one("Gemm", [rows, file.floats([8, 6]), file.floats([8])], { transB: 1n });
  const back = file.one("Transpose", [file.one("Reshape", [made, file.ints(4, -1, 8)])], { perm: [1n, 0n, 2n] });
  expectScores(file.bytes([4, 6], scores(file, back)), [4, 6]);
});

describe("a gated layer", () => {
  it.each<[string, (file: File, x: string) => string, string]>([
    ["of SiLU", (file, x) => file.one("Mul", [x, file.one("Sigmoid", [x])]), "silu"],
    ["of squared ReLU", (file, x) => file.one("Pow", [file.one("Relu", [x]), file.number(2)]), "relu2"],
  ])("%s", (_, gate, name) => {
    const file = new File(14);
    const gated = file.one("Mul", [gate(file, file.linear("x", 6, 8)), file.linear("x", 6, 8)]);
    const bytes = file.bytes([4, 6], scores(file, file.linear(gated, 8, 3)));
    expectScores(bytes, [4, 6]);
    const { nodes } = importOnnx(bytes, { floats: "region" }).graph;
    const functions = nodes.flatMap((node) =>
      node.op === "float" && node.compute.kind === "activation" ? [node.compute.function] : [],
    );
    expect(functions).toContain(name);
  });
});

const FORM: Form = { norm: "fused", gelu: "fused", scale: "scores divided", heads: 2, isFused: true };

describe("a vision transformer", () => {
  it("whose patches a convolution embeds, with a class token", () => {
    const file = new File(6);
    const conv = file.one("Conv", ["x", file.floats([8, 3, 2, 4]), file.floats([8])], {
      strides: [2n, 4n],
      kernel_shape: [2n, 4n],
    });
    const tokens = file.one("Transpose", [file.one("Reshape", [conv, file.ints(-1, 8, 4)])], { perm: [0n, 2n, 1n] });
    const all = file.one("Concat", [file.floats([1, 1, 8]), tokens], { axis: 1n });
    const placed = file.one("Add", [all, file.floats([1, 5, 8])]);
    file.constants.push(int64Tensor("first", [], [0]));
    const token = file.one("Gather", [encoder(file, placed, 5, 8, FORM), "first"], { axis: 1n });
    const scores = file.one("Softmax", [file.linear(token, 8, 3)], { axis: -1n });
    expectScores(file.bytes([3, 4, 8], scores), [3, 4, 8]);
  });

  it.each([
    ["channels first", [0n, 2n, 4n, 1n, 3n, 5n]],
    ["channels last", [0n, 2n, 4n, 3n, 5n, 1n]],
  ])("whose patches are reshaped, %s", async (_, perm) => {
    const file = new File(7);
    const cut = file.one("Transpose", [file.one("Reshape", ["x", file.ints(0, 3, 2, 2, 2, 4)])], { perm });
    const embedded = file.linear(file.one("Reshape", [cut, file.ints(-1, 4, 24)]), 24, 8);
    const placed = file.one("Add", [embedded, file.floats([1, 4, 8])]);
    const mean = file.one("ReduceMean", [encoder(file, placed, 4, 8, FORM)], { axes: [1n], keepdims: 0n });
    const bytes = file.bytes([3, 4, 8], file.linear(mean, 8, 3));
    expectScores(bytes, [3, 4, 8]);

    const { blob, program } = await convert(bytes, { weights: "float", maxRows: 4 });
    expect(program.ops.map(({ kind }) => kind)).toContain("attention");
    const session = await load({ module: await readModule(), engine: v8, blob });
    const inputs = [Float32Array.from({ length: 5 * 96 }, (_, i) => Math.sin(i))];
    const { differences, compared } = verify({
      blob: program,
      sha256: "",
      checkpoint: bytes,
      sessions: { v8: session, reference: loadReference(blob) },
      inputs,
    });
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(1000);
    session.dispose();
  });
});

describe("is refused:", () => {
  const refused = (build: (file: File) => string, input = [4, 8]) => {
    const file = new File(8);
    const output = build(file);
    return () => importOnnx(file.bytes(input, output), { floats: "region" });
  };
  it.each<[string, (file: File) => string, string]>([
    [
      "an op that is none of encoders",
      (file) => file.one("Sin", ["x"]),
      "Sin is not among what float networks are made of",
    ],
    [
      "a product of values that is no attention",
      (file) => file.one("MatMul", ["x", file.one("Transpose", ["x"], { perm: [0n, 1n, 2n] })]),
      "not those of an attention",
    ],
    ["another error function than GELU's", (file) => file.one("Erf", ["x"]), "erf(x / √2)"],
    [
      "a norm over positions",
      (file) => file.one("LayerNormalization", ["x", file.floats([8])], { axis: 1n }),
      "a norm over the last axis",
    ],
    [
      "weights of other channels",
      (file) => file.one("MatMul", ["x", file.floats([7, 8])]),
      "weights of [7,8] behind 8 channels",
    ],
    [
      "a norm by the squares of all positions",
      (file) => {
        const square = file.one("ReduceMean", [file.one("Pow", ["x", file.number(2)])], { axes: [1n] });
        const root = file.one("Sqrt", [file.one("Add", [square, file.number(1e-5)])]);
        return scores(file, file.one("Div", ["x", root]));
      },
      "a mean over axes 1",
    ],
    [
      "a variance of all positions",
      (file) => {
        const centered = file.one("Sub", ["x", file.one("ReduceMean", ["x"], { axes: [-1n] })]);
        const square = file.one("ReduceMean", [file.one("Mul", [centered, centered])], { axes: [1n] });
        const root = file.one("Sqrt", [file.one("Add", [square, file.number(1e-5)])]);
        return scores(file, file.one("Div", [centered, root]));
      },
      "a mean over axes 1",
    ],
    [
      "codes with a bound for each channel",
      (file) => file.one("Clip", [coded(file, "x", 7), file.floats([8], () => -1), file.floats([8], () => 1)]),
      "it cuts rounded to NaN … NaN",
    ],
    [
      "a split that is not of channels",
      (file) => file.add("Split", ["x", file.ints(2, 2)], { axis: 1n }, 2)[0]!,
      "it splits something else",
    ],
  ])("%s", (_, build, why) => {
    expect(refused(build)).toThrow(UnsupportedError);
    expect(refused(build)).toThrow(why);
  });

  it("all that is in the way, at once", () => {
    const both = refused((file) => file.one("Add", [file.one("Sin", ["x"]), file.one("Cos", ["x"])]));
    expect(both).toThrow("Sin is not");
    expect(both).toThrow("Cos is not");
  });

  it("a half function as an output", () => {
    expect(refused((file) => file.one("ReduceMean", ["x"], { axes: [-1n] }))).toThrow(CheckpointError);
  });

  it("an index instead of scores, and elements that are no floats", async () => {
    const file = new File(8);
    const bytes = file.bytes([4, 8], file.linear("x", 8, 3));
    await expect(convert(bytes, { weights: "float", argmax: true })).rejects.toThrow(InputError);
    await expect(convert(bytes, { weights: "float", input: { dtype: "u8" } })).rejects.toThrow(
      "elements of u8, expected f32",
    );
  });
});

const fourBits = BIT_LINEARS["sums times both scales, 4 bits"]!;
const coded = (file: File, x: string, levels: number) =>
  file.one("Round", [file.one("Mul", [x, file.one("Div", [file.number(levels), most(file, x)])])]);
const PICTURE = [3, 4, 8];
const patches = (file: File, strides: bigint[]) => {
  return file.one("Conv", ["x", file.floats([6, 3, 2, 2])], { strides });
};

describe("what a refusal advises is taken:", () => {
  const seen: string[] = [];
  it.each<[string, refused: (file: File) => string, followed: (file: File) => string, input?: number[]]>([
    [
      "weights of (inputs, outputs)",
      (file) => file.one("MatMul", ["x", file.floats([7, 8])]),
      (file) => file.one("MatMul", ["x", file.floats([8, 7])]),
    ],
    [
      "a mean over all positions, or over channels in a norm",
      (file) => file.one("ReduceMean", ["x"], { axes: [2n], keepdims: 0n }),
      (file) => scores(file, "x"),
    ],
    [
      "one position",
      (file) => file.one("Gather", ["x", file.ints(1, 2)], { axis: 1n }),
      (file) => file.one("Gather", ["x", file.index(1)], { axis: 1n }),
    ],
    [
      "a constant before the positions",
      (file) => file.one("Concat", ["x", file.floats([1, 1, 8])], { axis: 1n }),
      (file) => file.one("Concat", [file.floats([1, 1, 8]), "x"], { axis: 1n }),
    ],
    [
      "positions",
      (file) => file.one("Concat", [file.floats([1, 4, 1]), "x"], { axis: 2n }),
      (file) => file.one("Concat", [file.floats([1, 4, 8]), "x"], { axis: 1n }),
    ],
    [
      "windows as far apart as they are large, without padding, of a picture",
      (file) => patches(file, [1n, 1n]),
      (file) => {
        const rows = file.one("Reshape", [patches(file, [2n, 2n]), file.ints(0, 6, 8)]);
        return scores(file, file.one("Transpose", [rows], { perm: [0n, 2n, 1n] }));
      },
      PICTURE,
    ],
    [
      "alpha = beta = 1, transA = 0",
      (file) => file.one("Gemm", [scores(file, "x"), file.floats([8, 3]), file.floats([3])], { alpha: 2 }),
      (file) => file.one("Gemm", [scores(file, "x"), file.floats([8, 3]), file.floats([3])], { alpha: 1 }),
    ],
    [
      "a softmax over the last axis",
      (file) => file.one("Softmax", ["x"], { axis: 1n }),
      (file) => scores(file, file.one("Softmax", ["x"], { axis: 2n })),
    ],
    [
      "GELU: erf(x / √2)",
      (file) => file.one("Erf", ["x"]),
      (file) => {
        const phi = file.one("Erf", [file.one("Mul", ["x", file.number(Math.SQRT1_2)])]);
        const half = file.one("Mul", ["x", file.one("Add", [phi, file.number(1)])]);
        return scores(file, file.one("Mul", [half, file.number(0.5)]));
      },
    ],
    [
      "axis = 1",
      (file) => file.linear(file.one("Flatten", [scores(file, "x")], { axis: 0n }), 8, 3),
      (file) => file.linear(file.one("Flatten", [scores(file, "x")], { axis: 1n }), 8, 3),
    ],
    [
      "a norm over the last axis",
      (file) => file.one("LayerNormalization", ["x", file.floats([8])], { axis: 1n }),
      (file) => file.one("LayerNormalization", ["x", file.floats([8])], { axis: -1n }),
    ],
    [
      "one position, or whole parts of a layer's channels",
      (file) => file.one("Gather", ["x", file.index(1)], { axis: 2n }),
      (file) => file.one("Gather", ["x", file.index(1)], { axis: 1n }),
    ],
    [
      "one axis, in steps of 1",
      (file) => file.one("Slice", ["x", file.ints(0), file.ints(4), file.ints(1), file.ints(2)]),
      (file) => scores(file, file.one("Slice", ["x", file.ints(1), file.ints(2), file.ints(1), file.ints(1)])),
    ],
    [
      "one part at least",
      (file) => file.one("Slice", ["x", file.ints(2), file.ints(2), file.ints(1)]),
      (file) => scores(file, file.one("Slice", ["x", file.ints(2), file.ints(3), file.ints(1)])),
    ],
    [
      "axes of size 1",
      (file) => file.one("Squeeze", ["x", file.ints(1)]),
      (file) => scores(file, file.one("Squeeze", [file.one("Unsqueeze", ["x", file.ints(1)]), file.ints(1)])),
    ],
    [
      "a square",
      (file) => file.one("Pow", ["x", file.number(3)]),
      (file) => scores(file, RMS_NORMS["x · (1 / root) · gain"]!(file, "x", 8)),
    ],
    [
      "the greatest |x| of each position, which scales its codes: keepdims = 1",
      (file) => file.one("ReduceMax", [file.one("Abs", ["x"])], { axes: [1n] }),
      (file) => scores(file, fourBits(file, "x", 8, 3)),
    ],
    [
      "bounds that no code passes, or a least |x| above 0",
      (file) => file.one("Clip", [coded(file, "x", 7), file.number(-1), file.number(1)]),
      (file) => scores(file, fourBits(file, "x", 8, 3)),
    ],
    [
      "x · n / m, where m is the greatest |x| of each position",
      (file) => file.one("Round", ["x"]),
      (file) => scores(file, fourBits(file, "x", 8, 3)),
    ],
    [
      "one factor for all",
      (file) => file.one("Mul", [most(file, "x"), file.floats([8])]),
      (file) => scores(file, fourBits(file, "x", 8, 3)),
    ],
    [
      "a whole number of levels, at most 127",
      (file) => coded(file, "x", 7.5),
      (file) => scores(file, fourBits(file, "x", 8, 3)),
    ],
    [
      "every axis once",
      (file) => file.one("Transpose", ["x"], { perm: [0n, 1n, 1n] }),
      (file) => scores(file, file.one("Transpose", ["x"], { perm: [0n, 1n, 2n] })),
    ],
  ])("%s", (instead, refused, followed, input = [4, 8]) => {
    const read = (build: (file: File) => string) => {
      const file = new File(9);
      const output = build(file);
      return importOnnx(file.bytes(input, output), { floats: "region" });
    };
    expect(() => read(refused)).toThrow(UnsupportedError);
    expect(() => read(refused)).toThrow(instead);
    seen.push(instead);
    read(followed);
  });

  it("of every refusal", () => {
    const missing = refusalsIn((name) => name.startsWith(join("onnx", "region"))).filter(
      (pattern) => !seen.some((instead) => pattern.test(instead)),
    );
    expect(missing.map(String)).toEqual([]);
  });

  it("by the reader of networks of integers, which advises this one", async () => {
    const file = new File(9);
    const bytes = file.bytes([4, 8], file.one("LayerNormalization", ["x", file.floats([8])], { axis: -1n }));
    await expect(convert(bytes)).rejects.toThrow("--weights float");
    await convert(bytes, { weights: "float" });
  });
});

const VIT = join(DATA, "mnist_vit", "mnist_vit.onnx");

describeWith([VIT, MNIST_IMAGES, MNIST_LABELS], "the vision transformer of transformer_poc", () => {
  const [count, expected] = ALL_SEEDS ? [10_000, 8397] : [1000, 812];
  it(`is right on ${expected} of the first ${count} pictures, and verified on some`, async () => {
    const checkpoint = readFileSync(VIT);
    const { blob, program } = await convert(checkpoint, {
      weights: "float",
      input: { scale: "1/255", mean: 0.1307, std: 0.3081 },
    });
    const pixels = readInput(readFileSync(MNIST_IMAGES), MNIST_IMAGES).data;
    const labels = readInput(readFileSync(MNIST_LABELS), MNIST_LABELS).data;
    const real = realOf(program.description!.inputs[0]!.unit, 1);
    const pictures = Float32Array.from(pixels.subarray(0, count * 784), (pixel) => real(pixel, 0));
    const session = await load({ module: await readModule(), engine: v8, blob });
    const { scores } = session.run(pictures)[0]!;
    const isRight = (row: number) => classOf("greatest", scores, row, count) === labels[row];
    expect(Array.from({ length: count }, (_, row) => row).filter(isRight)).toHaveLength(expected);
    const { differences } = verify({
      blob: program,
      sha256: "",
      checkpoint,
      sessions: { v8: session },
      inputs: [pictures.slice(0, 8 * 784)],
    });
    expect(differences).toEqual([]);
    session.dispose();
  }, 60_000);
});
