import { describe, expect, it } from "vitest";
import { BlobError, UnsupportedError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Codes } from "../../host/graph/form.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { addFactors } from "../../host/graph/ops/add.ts";
import type { PaddedWindow } from "../../host/graph/ops/window.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { Step } from "../../host/numbers/step.ts";
import type { ActivationDtype, AddOp, Program } from "../../host/program.ts";
import { add } from "../../host/reference/add.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { Random } from "../graph/random.ts";
import { expectAgreement, OPTIONS } from "../lower/agree.ts";
import { expectReference } from "../module/agree.ts";
import { elements, programOf, requantize, smallLine, thresholds } from "../module/programs.ts";
import { describeModules } from "../variants.ts";

type Shape = number | [number, number, number];

function sumOf(
  a: ActivationDtype,
  b: ActivationDtype,
  to: ActivationDtype,
  shape: Shape,
  post?: AddOp["post"],
  factors: AddOp["factors"] = [1, 1],
): Program {
  const op: AddOp = { kind: "add", inputs: [0, 1], output: 2, factors, ...(post && { post }) };
  return programOf(
    [
      [a, shape],
      [b, shape],
      [to, shape],
    ],
    [op],
    { inputs: [0, 1] },
  );
}

it("is the sum", () => {
  const output = new Int32Array(4);
  const shape = { height: 2, width: 1, channels: 2 };
  const operands = [Int32Array.of(-128, 3, 255, 0), Int32Array.of(127, 3, 255, -1)];
  const op: AddOp = { kind: "add", inputs: [0, 1], output: 2, factors: [1, 1] };
  add(op, operands, output, [shape, shape], shape);
  expect([...output]).toEqual([-1, 6, 510, -1]);
  const post = thresholds({ base: 0, up: [0] }, { base: 5, up: [6, 7] });
  add({ ...op, post }, operands, output, [shape, shape], shape);
  expect([...output]).toEqual([0, 6, 1, 5]);
  add({ ...op, factors: [-3, 2 ** 24] }, operands, output, [shape, shape], shape);
  expect([...output]).toEqual([3 * 128 + 127 * 2 ** 24, 3 * 2 ** 24 - 9, -(2 ** 24) - 765, -(2 ** 24)]); // in 32 bits
});

describeModules("add", (engine, module) => {
  const random = new Random(11);
  const bytes = ["u8", "i8"] as const;
  it.each(bytes.flatMap((a) => bytes.map((b) => [a, b] as const)))("of %s and %s is the reference's", async (a, b) => {
    for (const shape of [1, 15, 17, 70, [3, 2, 5], [4, 5, 16]] as Shape[]) {
      const [count, channels] = typeof shape === "number" ? [shape, shape] : [shape.reduce((x, y) => x * y), shape[2]];
      const steps = Array.from({ length: channels }, () => ({ base: random.int(-1, 0), up: [random.int(-200, 200)] }));
      const line = smallLine(3, 5, 2);
      const programs = [
        sumOf(a, b, "i32", shape),
        sumOf(a, b, "bit", shape, thresholds(...steps)),
        sumOf(a, b, "i8", shape, requantize({ lo: -100, hi: 100, rounding: "half-even" }, line)),
        sumOf(a, b, "u8", shape, thresholds({ base: 0, up: [-9, 3, 80] })),
        sumOf(a, b, "i32", shape, undefined, [random.int(-(2 ** 31), 2 ** 31 - 1), random.int(-9, 9)]),
        sumOf(a, b, "u8", shape, thresholds({ base: 0, up: [-2000, 0, 9000] }), [-3, 1000]),
      ];
      for (const program of programs) {
        const batches = [1, 5].map((rows) => [a, b].map((dtype) => elements(dtype, rows * count, random)));
        await expectReference(program, engine, module, batches);
      }
    }
  });
});

describe("the reader refuses", () => {
  it.each<[string, Program, string]>([
    ["bits", sumOf("bit", "u8", "i32", 3), "expected codes in bytes"],
    ["accumulators", sumOf("i32", "u8", "i32", 3), "expected codes in bytes"],
    ["codes without a post", sumOf("u8", "u8", "u8", 3), "post none gives u8"],
    ["a second operand of another shape", other(sumOf("u8", "u8", "i32", [2, 2, 3])), "as many of each"],
  ])("%s", (_, bad, why) => {
    const refused = () => readBlob(writeBlob(bad));
    expect(refused).toThrow(BlobError);
    expect(refused).toThrow(why);
  });
});

/** The program, its second tensor of one position. */
function other(program: Program): Program {
  const tensors = program.tensors.map((each, t) => (t === 1 ? { ...each, height: 1, width: 1 } : each));
  return { ...program, tensors };
}

const by = (...values: number[]) => Float64Array.from(values);
const int = (scale: number[], zero = 0, bits = 4, signed = true): Quantizer => ({
  ...{ kind: "int", scale: by(...scale), zero: by(zero), bits, signed, narrow: false, rounding: "ROUND" },
});

/** x, in codes of two quantizers → the sum → codes. */
function residual(a: Quantizer, b: Quantizer, to = int([0.75], 0, 5)): Graph {
  const quantize = (name: string, input: string, quantizer: Quantizer): Node => {
    return { op: "quantize", name, inputs: [input], output: name, channels: 2, quantizer };
  };
  return {
    name: "residual",
    inputs: [{ name: "x", shape: [2, 2, 1], layout: "chw" }],
    nodes: [
      quantize("q", "x", int([0.125], 0, 8)),
      quantize("a", "q", a),
      quantize("b", "q", b),
      { op: "add", name: "s", inputs: ["a", "b"], output: "s", channels: 2 },
      quantize("t", "s", to),
    ],
    outputs: ["t", "s"],
  };
}

const SAMPLES = Float32Array.from({ length: 64 }, (_, i) => Math.fround(Math.sin(7 * i) * 9));

describe("a graph", () => {
  it.each<[string, Quantizer, Quantizer]>([
    ["of one scale", int([0.5]), int([0.5])],
    ["of one scale per channel", int([0.5, 0.3]), int([0.5, 0.3], 0, 3)],
    ["with zero points", int([0.5], 100, 8, false), int([0.5], 3)],
    ["of a negative scale", int([-0.5]), int([-0.5], 0, 6)],
    ["of ±1", { kind: "bipolar", scale: by(0.5) }, int([0.5])],
  ])("%s computes what its program does", (_, a, b) => {
    const graph = residual(a, b);
    expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    graph.outputs = ["t"];
    const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    expect(program.ops.filter(({ kind, post }) => kind === "add" && post)).toHaveLength(1); // the quantizer is fused
  });

  it("means the sum", () => {
    const graph = residual(int([0.5]), int([0.5], 0, 6));
    graph.outputs = ["a", "b", "s"];
    const [a, b, s] = evaluate(graph, [SAMPLES], 16);
    expect(s).toEqual(a!.map((x, i) => x + b![i]!));
  });

  it.each<[string, Quantizer, Quantizer, Quantizer]>([
    ["a power of two apart", int([0.5]), int([0.25]), int([0.5])],
    ["far apart", int([0.5]), int([0.001]), int([0.3])],
    ["as trained", int([third], 0, 8), int([0.1234567], 0, 8), int([0.2718281], 0, 8)],
    ["of 8 bits, with zero points", int([third], 100, 8, false), int([0.077], -3, 8), int([0.05], 7, 8)],
    ["of another sign", int([-third]), int([0.1]), int([0.15])],
    ["both negative", int([-third]), int([-0.1]), int([0.15])],
    ["of ±1", { kind: "bipolar", scale: by(third) }, int([0.25], 0, 3), int([0.1])],
    ["to ±1", int([third]), int([0.25], 0, 3), { kind: "bipolar", scale: by(1) }],
    ["per channel behind them", int([third], 0, 8), int([0.2], 0, 8), int([0.1, 0.3], 0, 8)],
  ])("of scales %s computes what its program does, fused with its quantizer", (_, a, b, to) => {
    const graph = residual(a, b, to);
    graph.outputs = ["t"];
    const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    expect(program.ops.filter(({ kind, post }) => kind === "add" && post)).toHaveLength(1);
  });

  it("of scales that differ has one op for two quantizers", () => {
    const graph = residual(int([third]), int([0.2]));
    graph.nodes.push({ ...graph.nodes.at(-1)!, name: "v", output: "v", quantizer: int([0.3]) } as Node);
    graph.outputs = ["t", "v"];
    const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    expect(program.ops.filter(({ kind }) => kind === "add")).toHaveLength(1);
  });

  it.each<[string, Graph, string, Graph]>([
    [
      "scales that differ from channel to channel",
      residual(int([0.5, 0.25]), int([0.25])),
      "the scales of its operands differ from channel to channel. Instead: quantizers of one scale, or each of one for all channels",
      residual(int([0.25, 0.5]), int([0.25, 0.5])),
    ],
    [
      "an output that shows a sum of unequal scales",
      residual(int([third]), int([0.2])),
      "an output shows its sums, and the scales of its operands differ. Instead: a quantizer between them",
      { ...residual(int([third]), int([0.2])), outputs: ["t"] },
    ],
    [
      "ties that floats break",
      { ...residual(int([0.05]), int([0.1], 0, 6), int([0.1], 0, 8)), outputs: ["t"] },
      "sums that are equal but for the rounding of floats",
      { ...residual(int([0.0625]), int([0.125], 0, 6), int([0.125], 0, 8)), outputs: ["t"] },
    ],
  ])("refuses %s, and converts once the advice is followed", (_, graph, why, followed) => {
    const work = () => lower(graph, OPTIONS);
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
    lower(followed, OPTIONS);
  });

  it("counts a code of each operand by the last convergent of their scales' quotient", () => {
    const codes = (scale: number): Codes => ({
      kind: "codes",
      scale: by(scale),
      min: by(0),
      max: by(1),
      bipolar: false,
    });
    expect(addFactors(codes(0.5), codes(0.25))).toEqual([2, 1]);
    expect(addFactors(codes(0.3), codes(0.1))).toEqual([3, 1]);
    expect(addFactors(codes(-0.1), codes(0.25))).toEqual([-2, 5]);
    expect(addFactors(codes(Math.PI), codes(1))).toEqual([5419351, 1725033]);
    expect(addFactors(codes(1e-30), codes(1))).toEqual([0, 1]);
    expect(addFactors(codes(0.3), codes(0.3))).toEqual([1, 1]);
  });

  it("of sums is refused", () => {
    const graph = residual(int([0.5]), int([0.5]));
    graph.nodes.splice(4, 1, { op: "add", name: "u", inputs: ["s", "a"], output: "t", channels: 2 });
    expect(() => lower(graph, OPTIONS)).toThrow('its operand "s" is no codes');
  });
});

/** x → codes of which a layer makes sums, and others: their sum → codes. */
function mixed(sums: Node[], codes: Quantizer, behind: Step[] = [], to = int([0.271], 0, 5), swapped = false): Graph {
  const steps = behind.map((step, i): Node => {
    return { op: "step", name: `step ${i}`, inputs: [i === 0 ? "s" : `b${i - 1}`], output: `b${i}`, channels: 2, step };
  });
  const last = steps.at(-1)?.output ?? "s";
  const inputs = swapped ? ["b", sums.at(-1)!.output] : [sums.at(-1)!.output, "b"];
  return {
    name: "mixed",
    inputs: [{ name: "x", shape: [2, 2, 2], layout: "chw" }],
    nodes: [
      { op: "quantize", name: "q", inputs: ["x"], output: "q", channels: 2, quantizer: int([0.125], 0, 8) },
      ...sums,
      { op: "quantize", name: "b", inputs: ["q"], output: "b", channels: 2, quantizer: codes },
      { op: "add", name: "s", inputs, output: "s", channels: 2 },
      ...steps,
      { op: "quantize", name: "t", inputs: [last], output: "t", channels: 2, quantizer: to },
    ],
    outputs: ["t"],
  };
}

const third = Math.fround(1 / 3); // as trained scales are: no quotient of small integers
const ONE_TAP: PaddedWindow = {
  ...{ kernelHeight: 1, strideY: 1, dilationY: 1, padTop: 0, padBottom: 0 },
  ...{ kernelWidth: 1, strideX: 1, dilationX: 1, padLeft: 0, padRight: 0 },
};
const WEIGHTS = {
  ...{
    name: "w",
    outputs: 2,
    inputs: 2,
    codes: Int32Array.of(1, -1, 3, 1),
    scale: by(Math.fround(0.77), Math.fround(0.31)),
  },
  found: "latent",
} as const;
const CONV: Node = {
  op: "conv2d",
  name: "c",
  inputs: ["q"],
  output: "c",
  channels: 2,
  window: ONE_TAP,
  groups: 1,
  weights: WEIGHTS,
};
const POOL: Node = {
  ...{ op: "avgpool", name: "c", inputs: ["q"], output: "c", channels: 2, countsPadding: true },
  window: { ...ONE_TAP, kernelHeight: 3, padTop: 1, padBottom: 1 },
};
const stepped = (...steps: Step[]): Node[] => {
  const nodes = steps.map((step, i): Node => {
    return {
      op: "step",
      name: `before ${i}`,
      inputs: [i === 0 ? "c" : `n${i - 1}`],
      output: `n${i}`,
      channels: 2,
      step,
    };
  });
  return [CONV, ...nodes];
};
const norm = (...gamma: number[]): Step => {
  return { kind: "batchnorm", mean: by(0.3), variance: by(2.7), epsilon: 1e-5, gamma: by(...gamma), beta: by(-0.4) };
};
const RELU: Step = { kind: "relu" };

describe("a sum of accumulators and codes", () => {
  it.each<[string, Graph]>([
    ["of a convolution", mixed([CONV], int([third]))],
    ["of codes first", mixed([CONV], int([third]), [], int([0.271], 0, 5), true)],
    ["of a pool", mixed([POOL], int([third]))],
    ["behind a batch norm", mixed(stepped(norm(0.7, -1.3)), int([third]))],
    ["through a batch norm and a ReLU", mixed(stepped(norm(0.7, -1.3)), int([third]), [norm(0.2, -0.9), RELU])],
    ["of 8 bits", mixed([CONV], int([third], 0, 8), [RELU], int([0.0271], 0, 8, false))],
    ["of unsigned codes with zero points", mixed([CONV], int([third], 100, 8, false), [], int([0.271], 7, 8, false))],
    ["of one scale per channel", mixed([CONV], int([third, 0.21]))],
    ["of ±1, to ±1", mixed([CONV], { kind: "bipolar", scale: by(third) }, [], { kind: "bipolar", scale: by(1) })],
    [
      "of powers of two, whose ties are rounded half to even",
      mixed([{ ...POOL, window: ONE_TAP }], int([0.25]), [], int([0.5], 0, 6)),
    ],
  ])("%s has its codes made where the accumulators are", (_, graph) => {
    const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    expect(program.ops.map(({ post }) => post?.kind).filter((kind) => kind === "plane")).toHaveLength(1);
    expect(program.tensors.some(({ dtype }) => dtype === "i32")).toBe(false);
  });

  it("of a dense layer", () => {
    const weights = { ...WEIGHTS, inputs: 8, codes: Int32Array.from({ length: 16 }, (_, i) => ((i * 7) % 5) - 2) };
    const graph = mixed([{ op: "dense", name: "c", inputs: ["q"], output: "c", channels: 2, weights }], int([third]));
    graph.inputs = [{ name: "x", shape: [8] }];
    graph.nodes[0]!.channels = 8;
    graph.nodes[2] = { op: "quantize", name: "b", inputs: ["d"], output: "b", channels: 2, quantizer: int([third]) };
    graph.nodes.splice(1, 0, {
      op: "dense",
      name: "d",
      inputs: ["q"],
      output: "d",
      channels: 2,
      weights: { ...weights, name: "v" },
    });
    const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    expect(program.ops.some(({ kind, post }) => kind === "dense" && post?.kind === "plane")).toBe(true);
  });

  it("has the accumulators in a tensor where somebody else reads them, too", () => {
    const graph = mixed([CONV], int([third]));
    const other = {
      op: "quantize",
      name: "u",
      inputs: ["s"],
      output: "u",
      channels: 2,
      quantizer: int([0.3]),
    } as const;
    graph.nodes.push({ ...other, inputs: ["s"] }, { ...other, name: "v", inputs: ["c"], output: "v" });
    graph.outputs = ["t", "u", "v", "c"];
    const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    expect(program.ops.filter(({ kind }) => kind === "conv2d")).toHaveLength(1);
    expect(program.ops.filter(({ kind, post }) => kind === "quantize" && post?.kind === "plane")).toHaveLength(2);
  });

  it("may be quantized twice, one quantizer behind the other", () => {
    const graph = mixed([CONV], int([third]));
    graph.nodes.push({
      op: "quantize",
      name: "u",
      inputs: ["t"],
      output: "u",
      channels: 2,
      quantizer: int([0.4], 0, 3),
    });
    graph.outputs = ["u"];
    expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
  });

  it("means the sum", () => {
    const graph = mixed([CONV], int([third]));
    graph.outputs = ["c", "b", "s"];
    const [c, b, s] = evaluate(graph, [SAMPLES], 8);
    expect(s!.every((x, i) => Math.abs(x - (c![i]! + b![i]!)) <= 1e-6 * (Math.abs(c![i]!) + Math.abs(b![i]!)))).toBe(
      true,
    );
  });

  const shown = { ...mixed([CONV], int([third])), outputs: ["t", "s"] };
  const twice = mixed([CONV], int([third]));
  twice.nodes.splice(3, 0, { op: "step", name: "pass", inputs: ["c"], output: "p", channels: 2, step: norm(1) });
  const both: Graph = {
    ...twice,
    nodes: twice.nodes.map((node) => (node.op === "add" ? { ...node, inputs: ["c", "p"] } : node)),
  };
  it.each<[string, Graph, string, Graph]>([
    [
      "accumulators on both branches",
      both,
      "both its operands are sums of layers. Instead: a quantizer right before it, on one branch at least",
      mixed([CONV], int([third])),
    ],
    [
      "an output that shows it",
      shown,
      "an output shows its sums, of an accumulator and a code. Instead: a quantizer between them",
      mixed([CONV], int([third])),
    ],
    [
      "a ReLU between layer and sum",
      mixed(stepped(RELU), int([third])),
      '"before 0", next to it, bends what is a plane of accumulators and codes. Instead: a quantizer before it on both branches',
      mixed([CONV], int([third]), [RELU]),
    ],
    [
      "a quantizer of more than 8 bits behind it",
      mixed([CONV], int([third]), [], int([0.0001], 0, 12)),
      "its codes take 4096 values, and a byte holds 256",
      mixed([CONV], int([third]), [], int([0.01], 0, 8)),
    ],
  ])("refuses %s, and converts once the advice is followed", (_, graph, why, followed) => {
    const work = () => lower(graph, OPTIONS);
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
    lower(followed, OPTIONS);
  });
});

it("Add of two values in a file is read, and proven", async () => {
  const quant = (input: string, output: string) =>
    node("Quant", [input, "s", "zero", "bits"], output, { signed: 1n, narrow: 0n, rounding_mode: "ROUND" });
  const bytes = encodeModel(
    model(
      {
        name: "residual",
        node: [
          quant("x", "a"),
          node("Conv", ["a", "w"], "c"),
          quant("c", "b"),
          node("Add", ["a", "b"], "d"),
          node("Relu", ["d"], "r"),
          quant("r", "y"),
        ],
        initializer: [
          ...[floatTensor("s", [], [0.5]), floatTensor("zero", [], [0]), floatTensor("bits", [], [4])],
          floatTensor("w", [2, 2, 1, 1], [1, -1, 0, 1]),
        ],
        input: [valueInfo("x", ["N", 2, 3, 3])],
        output: [valueInfo("y", [])],
      },
      { "": 13, "qonnx.custom_op.general": 1 },
      { name: "tests", version: "1" },
    ),
  );
  const { blob, program } = await convert(bytes, { file: "residual.onnx" });
  expect(program.ops.map(({ kind }) => kind)).toContain("add");
  const inputs = [Float32Array.from({ length: 18 * 8 }, (_, i) => Math.fround(Math.sin(3 * i) * 5))];
  const { differences, samples } = verify({
    ...{ blob: program, checkpoint: bytes, sha256: "", inputs },
    sessions: { reference: loadReference(blob) },
  });
  expect({ differences, samples }).toEqual({ differences: [], samples: 8 });
});
