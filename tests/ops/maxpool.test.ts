import { describe, expect, it } from "vitest";
import { BlobError, CheckpointError, GraphError, UnsupportedError } from "../../host/base/errors.ts";
import { codeRanges } from "../../host/blob/code_range.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { movePools } from "../../host/graph/commute.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { meaningOf } from "../../host/graph/ops/index.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { Step } from "../../host/numbers/step.ts";
import type { ActivationDtype, MaxpoolOp, Program } from "../../host/program.ts";
import { maxpool } from "../../host/reference/maxpool.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { Random } from "../graph/random.ts";
import { expectAgreement, OPTIONS } from "../lower/agree.ts";
import { expectReference } from "../module/agree.ts";
import { elements, programOf, thresholds } from "../module/programs.ts";
import { describeModules } from "../variants.ts";
import { POOLS, paddedWindowOf, SQUARE, sizeOf, type WindowCase, windowOf } from "./windows.ts";

const CODES = ["u8", "i8", "bit"] as const;

function pool(shape: WindowCase, from: ActivationDtype, to = from): Program {
  const op: MaxpoolOp = { kind: "maxpool", inputs: [0], output: 1, window: windowOf(shape) };
  return programOf(
    [
      [from, shape.input],
      [to, [...sizeOf(shape), shape.input[2]]],
    ],
    [op],
  );
}

describe("the definition", () => {
  const input = Int32Array.of(-1, 1, -5, 2, -3, 3, -4, -128);
  const from = { height: 2, width: 2, channels: 2 };
  const run = (window: Partial<MaxpoolOp["window"]>, height: number, width: number) => {
    const output = new Int32Array(height * width * 2);
    const op: MaxpoolOp = { kind: "maxpool", inputs: [0], output: 1, window: { ...SQUARE, ...window } };
    maxpool(op, [input], output, [from], { height, width, channels: 2 });
    return [...output];
  };

  it("is the greatest of each channel", () => {
    expect(run({ kernelHeight: 2, kernelWidth: 2, padTop: 0, padLeft: 0 }, 1, 1)).toEqual([-1, 3]);
  });

  it("leaves taps outside out, also where all inside are below 0", () => {
    expect(run({ kernelHeight: 2, kernelWidth: 2 }, 2, 2)).toEqual([-1, 1, -1, 2, -1, 3, -1, 3]);
  });

  it("walks the taps inside alone, of which a vast window has no more", () => {
    const vast = { kernelHeight: 0x8000, kernelWidth: 0x8000, padTop: 0x4000, padLeft: 0x4000 };
    expect(run(vast, 1, 1)).toEqual([-1, 3]);
  });

  it("is 0 where no tap is inside", () => {
    expect(run({ kernelHeight: 2, kernelWidth: 1, dilationY: 2, padTop: 1, padLeft: 0 }, 1, 2)).toEqual([
      -3, 3, -4, -128,
    ]);
    expect(run({ kernelHeight: 2, kernelWidth: 1, dilationY: 4, padTop: 1, padLeft: 0 }, 1, 1)).toEqual([0, 0]);
  });
});

describeModules("maxpool", (engine, module) => {
  it.each(CODES)("of %s is the reference's, for every shape", async (from) => {
    for (const [name, shape] of Object.entries(POOLS)) {
      const random = new Random(name.length);
      const count = shape.input.reduce((a, b) => a * b);
      const batches = [1, 3].map((rows) => [elements(from, rows * count, random)]);
      await expectReference(pool(shape, from), engine, module, batches);
    }
  });

  it.each([
    ["u8", 0, 255],
    ["i8", -128, 127],
    ["bit", -1, 1],
  ] as const)("of %s knows the least and the greatest code", async (from, least, most) => {
    const shape: WindowCase = { input: [1, 3, 40], window: { kernelHeight: 1, kernelWidth: 2, padTop: 0, padLeft: 0 } };
    const one = Array.from({ length: 120 }, (_, i) => (i < 80 ? least : i % 2 ? most : least));
    await expectReference(pool(shape, from), engine, module, [[one], [one.toReversed()]]);
  });
});

describe("the reader refuses", () => {
  const shape: WindowCase = { input: [4, 4, 6] };
  const changed = (change: (op: MaxpoolOp, program: Program) => void): Program => {
    const program = pool(shape, "u8");
    change(program.ops[0] as MaxpoolOp, program);
    return program;
  };
  it.each<[string, Program, string]>([
    ["no kernel", changed(({ window }) => (window.kernelWidth = 0)), "at least 1 of each"],
    ["no stride", changed(({ window }) => (window.strideY = 0)), "at least 1 of each"],
    ["padding that no tap leaves", changed(({ window }) => (window.padLeft = 3)), "padding of at most 2"],
    ["windows behind the input", changed(({ window }) => (window.strideY = 5)), "windows that overlap"],
    ["another dtype", pool(shape, "u8", "i8"), "codes of one dtype"],
    ["accumulators", pool(shape, "i32"), "codes of one dtype"],
    ["more channels", changed((_, { tensors }) => (tensors[1]!.channels = 5)), "as many channels"],
    ["a post", changed((op) => (op.post = thresholds({ base: 0, up: [3] }))), "expected none"],
  ])("%s", (_, bad, why) => {
    const refused = () => readBlob(writeBlob(bad));
    expect(refused).toThrow(BlobError);
    expect(refused).toThrow(why);
  });
});

it("holds codes of its input's range", () => {
  const program = pool({ input: [4, 4, 2] }, "u8");
  program.tensors.push({ ...program.tensors[1]!, perRow: 1024 });
  const post = thresholds({ base: 2, up: [5, 9] });
  program.ops = [{ kind: "quantize", inputs: [0], output: 2, post }, { ...program.ops[0]!, inputs: [2] } as MaxpoolOp];
  expect(codeRanges(program)(1)).toEqual([2, 4]);
});

const by = (...values: number[]) => Float64Array.from(values);
const int = (scale: number, zero = 0, bits = 4, signed = true): Quantizer => ({
  ...{ kind: "int", scale: by(scale), zero: by(zero), bits, signed, narrow: false, rounding: "ROUND" },
});
const bipolar: Quantizer = { kind: "bipolar", scale: by(0.5) };
const POOL = paddedWindowOf({ input: [4, 4, 2], window: { strideY: 2, strideX: 2 } });

type Draft = Partial<Node> & { op: Node["op"] };
const step = (each: Step): Draft => ({ op: "step", step: each });
const quantize = (quantizer: Quantizer): Draft => ({ op: "quantize", quantizer });
const maxpoolNode: Draft = { op: "maxpool", window: POOL };

/** x, 4 × 4 × 2 → codes → a 1 × 1 convolution → `drafts` → a dense layer of 2 × 2 × 2 positions. */
function network(drafts: Draft[], codes: Quantizer = int(0.125, 0, 8)): Graph {
  const weights = (outputs: number, inputs: number, from: number[]) => ({
    ...{ name: "w", outputs, inputs, scale: by(0.25), found: "bare" as const },
    codes: Int32Array.from({ length: outputs * inputs }, (_, i) => from[i % from.length]!),
  });
  const one = paddedWindowOf({ input: [4, 4, 2], window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0 } });
  const all: Draft[] = [
    quantize(codes),
    { op: "conv2d", window: one, groups: 1, weights: weights(2, 2, [1, -1, 1, 1]) },
    ...drafts,
    { op: "dense", weights: weights(3, 8, [1, -1, -1]), channels: 3 },
  ];
  const nodes = all.map((draft, i) => {
    const inputs = [i === 0 ? "x" : `v${i - 1}`];
    return { name: `${draft.op} ${i}`, inputs, output: `v${i}`, channels: 2, ...draft } as Node;
  });
  const outputs = [nodes.at(-1)!.output];
  return { name: "pooled", inputs: [{ name: "x", shape: [2, 4, 4], layout: "chw" }], nodes, outputs };
}

const SAMPLES = Float32Array.from({ length: 96 }, (_, i) => Math.fround(Math.sin(7 * i) * 9));
const batchnorm = (...gamma: number[]): Step => ({
  ...{
    kind: "batchnorm",
    mean: by(0.3, -1),
    variance: by(2, 0.5),
    epsilon: 1e-5,
    gamma: by(...gamma),
    beta: by(0.1, -0.2),
  },
});

describe("a graph", () => {
  it.each<[string, Quantizer]>([
    ["signed codes", int(0.5)],
    ["unsigned codes", int(0.5, 0, 4, false)],
    ["codes beyond a byte", int(0.5, 100, 8, false)],
    ["codes with a scale per channel", { ...int(0.5), scale: by(0.5, 0.25) }],
    ["bits", bipolar],
  ])("of %s computes what its program does", (name, quantizer) => {
    const graph = network([quantize(quantizer), maxpoolNode]);
    if (name.includes("per channel")) {
      graph.nodes.pop();
      graph.outputs = [graph.nodes.at(-1)!.output];
    }
    const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
    const op = program.ops.find(({ kind }) => kind === "maxpool")!;
    const [from, to] = [program.tensors[op.inputs[0]!]!, program.tensors[op.output]!];
    expect([from.dtype, to.height, to.width]).toEqual([to.dtype, 2, 2]);
    expect(to.dtype === "bit").toBe(name === "bits");
  });

  it("keeps ±1 in bytes where something else than bits reads them, before the pool or behind it", () => {
    const before = network([quantize(bipolar), maxpoolNode]);
    before.outputs.push("v2"); // an output shows them
    const behind = network([quantize(bipolar), maxpoolNode]);
    behind.outputs.push("v3");
    for (const graph of [before, behind]) {
      const { program } = expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
      expect(program.tensors.map(({ dtype }) => dtype)).not.toContain("bit");
    }
  });

  it.each<[string, Draft[], Draft[], Quantizer]>([
    ["right behind the pool", [], [], int(0.5)],
    ["behind the pool, and a batch norm of any sign before it", [step(batchnorm(1.5, -0.7))], [], int(0.5)],
    ["behind a batch norm of factors above 0", [], [step(batchnorm(1.5, 0.7)), step({ kind: "relu" })], int(0.5, 3)],
    ["of a constant channel", [], [step(batchnorm(1.5, 0))], bipolar],
  ])("is moved behind a quantizer %s", (_, before, between, quantizer) => {
    const graph = network([...before, maxpoolNode, ...between, quantize(quantizer)]);
    const pool = graph.nodes.find(({ op }) => op === "maxpool")!;
    const moved = movePools(graph);
    expect(moved.notes).toEqual([expect.stringContaining(`max pool "${pool.name}" is computed behind quantizer`)]);
    expect(plain(moved.graph, SAMPLES, 3)).toEqual(plain(graph, SAMPLES, 3));
    expect(() => lower(graph, OPTIONS)).toThrow(UnsupportedError);
    expectAgreement(moved.graph, SAMPLES, { input: { dtype: "f32" } });
  });

  it("is moved together with a pool behind it, and for each of two quantizers", () => {
    const graph = network([maxpoolNode, quantize(int(0.5))]);
    const whole = paddedWindowOf({ input: [2, 2, 2], window: {} });
    graph.nodes.splice(3, 0, {
      op: "maxpool",
      name: "second",
      inputs: ["v2"],
      output: "again",
      channels: 2,
      window: whole,
    });
    graph.nodes[4]!.inputs = ["again"];
    graph.nodes.push({ op: "quantize", name: "q", inputs: ["v2"], output: "other", channels: 2, quantizer: int(0.25) });
    graph.outputs.push("other");
    const moved = movePools(graph);
    expect(moved.notes).toHaveLength(3);
    expect(plain(moved.graph, SAMPLES, 3)).toEqual(plain(graph, SAMPLES, 3));
    expectAgreement(moved.graph, SAMPLES, { input: { dtype: "f32" } });
  });

  it.each<[string, Draft[], string]>([
    ["codes of a scale below 0", [quantize(int(-0.5)), maxpoolNode], "has a scale below 0"],
    ["sums, before a function that falls", [maxpoolNode, step(batchnorm(1, -1)), quantize(int(0.5))], "is no codes"],
    ["sums, before a quantizer of a scale below 0", [maxpoolNode, quantize(int(-0.5))], "is no codes"],
    [
      "sums, before a function without order",
      [maxpoolNode, step({ kind: "pow", by: by(2) }), quantize(int(0.5))],
      "is no codes",
    ],
  ])("of %s is refused", (_, drafts, why) => {
    const { graph, notes } = movePools(network(drafts));
    expect(notes).toEqual([]);
    const work = () => lower(graph, OPTIONS);
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
    expect(work).toThrow("Instead: a quantizer of a scale above 0");
  });

  it("stays where something else than a quantizer reads it", () => {
    const graph = network([maxpoolNode, quantize(int(0.5))]);
    graph.outputs.push("v2");
    expect(() => lower(movePools(graph).graph, OPTIONS)).toThrow('its input "v1" is no codes');
  });

  it("with a window that sees nothing is refused", () => {
    const window = { ...POOL, dilationY: 9, padTop: 8, padBottom: 8 };
    expect(() => lower(network([quantize(int(0.5)), { op: "maxpool", window }]), OPTIONS)).toThrow(GraphError);
  });
});

/** What nodes mean one by one, with real numbers pooled as such: the definition that moving must keep. */
function plain(graph: Graph, x: Float32Array, rows: number): number[][] {
  const values = new Map([
    ["x", { numbers: Float64Array.from(x), height: 4, width: 4, channels: 2, form: { kind: "real" } as const }],
  ]);
  const known = values as Map<string, Parameters<ReturnType<typeof meaningOf>["evaluate"]>[2]>;
  for (const node of graph.nodes) {
    const meaning = meaningOf(node);
    const inputs = node.inputs.map((name) => known.get(name)!);
    const shape = meaning.shape(node, inputs);
    const numbers = new Float64Array(rows * shape.height * shape.width * shape.channels);
    const output = {
      ...shape,
      numbers,
      form: meaning.form(
        node,
        inputs.map(({ form }) => form),
      ),
    };
    meaning.evaluate(node, inputs, output);
    known.set(node.output, output);
  }
  return graph.outputs.map((name) => Array.from(known.get(name)!.numbers));
}

describe("a file", () => {
  const codes = (input: string, output: string) =>
    node("Quant", [input, "s", "zero", "bits"], output, { signed: 1n, narrow: 0n, rounding_mode: "ROUND" });
  const file = (...nodes: ReturnType<typeof node>[]) =>
    encodeModel(
      model(
        {
          name: "pooled",
          node: nodes,
          initializer: [
            floatTensor("s", [], [0.25]),
            floatTensor("zero", [], [0]),
            floatTensor("bits", [], [6]),
            floatTensor("ones", [2], [1, 1]),
            floatTensor("falls", [2], [1, -1]),
            floatTensor("halves", [2], [0.5, 0.5]),
          ],
          input: [valueInfo("x", ["N", 2, 4, 5])],
          output: [valueInfo("y", [])],
        },
        { "": 13, "qonnx.custom_op.general": 1 },
        { name: "tests", version: "1" },
      ),
    );
  const isPool = ({ op_type }: ReturnType<typeof node>) => /MaxPool|ReduceMax/.test(op_type ?? "");
  const attributes = { kernel_shape: [3n, 2n], strides: [2n, 2n], pads: [1n, 0n, 1n, 1n] };
  const normed = (gamma: string) => node("BatchNormalization", ["q", gamma, "halves", "halves", "ones"], "n");

  it.each<[string, ReturnType<typeof node>[]]>([
    ["MaxPool of codes", [codes("x", "q"), node("MaxPool", ["q"], "y", attributes)]],
    ["MaxPool with ceil_mode", [codes("x", "q"), node("MaxPool", ["q"], "y", { ...attributes, ceil_mode: 1n })]],
    [
      "MaxPool that keeps sizes",
      [codes("x", "q"), node("MaxPool", ["q"], "y", { kernel_shape: [2n, 2n], auto_pad: "SAME_UPPER" })],
    ],
    [
      "MaxPool before a quantizer",
      [codes("x", "q"), normed("falls"), node("MaxPool", ["n"], "p", attributes), codes("p", "y")],
    ],
    ["GlobalMaxPool", [codes("x", "q"), node("GlobalMaxPool", ["q"], "y")]],
    [
      "ReduceMax over positions",
      [
        codes("x", "q"),
        node("MaxPool", ["q"], "m", { kernel_shape: [1n, 1n] }),
        node("ReduceMax", ["m"], "y", { axes: [3n, 2n], keepdims: 0n }),
      ],
    ],
    ["MaxPool of the input, before its quantizer", [node("MaxPool", ["x"], "p", attributes), codes("p", "y")]],
  ])("with %s becomes ops, and is proven", async (_, nodes) => {
    const bytes = file(...nodes);
    const { blob } = await convert(bytes, { file: "pooled.onnx" });
    const program = readBlob(blob);
    expect(program.ops.filter(({ kind }) => kind === "maxpool")).toHaveLength(nodes.filter(isPool).length);
    const sessions = { reference: loadReference(blob) };
    const x = Float32Array.from({ length: 120 }, (_, i) => Math.fround(Math.sin(5 * i) * 6));
    const { differences, samples } = verify({ blob: program, checkpoint: bytes, sessions, inputs: [x], sha256: "" });
    expect({ differences, samples }).toEqual({ differences: [], samples: 3 });
  });

  it("tells that a pool was moved", () => {
    const { notes } = importOnnx(
      file(codes("x", "q"), normed("ones"), node("MaxPool", ["n"], "p", attributes), codes("p", "y")),
    );
    expect(notes).toContainEqual(expect.stringMatching(/max pool "MaxPool_p" is computed behind quantizer "Quant_y"/));
  });

  it.each<[string, ReturnType<typeof node>[], string]>([
    [
      "a batch norm of a factor below 0 behind its pool",
      [
        codes("x", "q0"),
        node("Mul", ["q0", "s"], "q1"),
        node("Add", ["q1", "s"], "q"),
        node("MaxPool", ["q"], "m", attributes),
        node("BatchNormalization", ["m", "falls", "halves", "halves", "ones"], "n"),
        codes("n", "y"),
      ],
      "is no codes",
    ],
    [
      "a reduction over channels",
      [
        codes("x", "q"),
        node("MaxPool", ["q"], "m", { kernel_shape: [1n, 1n] }),
        node("ReduceMax", ["m"], "y", { axes: [1n] }),
      ],
      "it reduces axes [1]",
    ],
  ])("with %s is refused", (_, nodes, why) => {
    const work = () => importOnnx(file(...nodes));
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
  });

  it.each<[string, ReturnType<typeof node>, string]>([
    ["no kernel", node("MaxPool", ["q"], "y"), "a kernel of 0 axes"],
    ["a kernel of 0", node("MaxPool", ["q"], "y", { kernel_shape: [0n, 1n] }), "expected 1 to 65535 of each"],
    ["a kernel that does not fit", node("MaxPool", ["q"], "y", { kernel_shape: [9n, 1n] }), "does not fit"],
  ])("with %s is no model", (_, pool, why) => {
    expect(() => importOnnx(file(codes("x", "q"), pool))).toThrow(CheckpointError);
    expect(() => importOnnx(file(codes("x", "q"), pool))).toThrow(why);
  });
});
