import { describe, expect, it } from "vitest";
import { BlobError, UnsupportedError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { divisorOf } from "../../host/graph/ops/avgpool.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { ActivationDtype, AvgpoolOp, Program } from "../../host/program.ts";
import { avgpool } from "../../host/reference/avgpool.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { Random } from "../graph/random.ts";
import { expectAgreement, OPTIONS } from "../lower/agree.ts";
import { expectReference } from "../module/agree.ts";
import { elements, programOf, requantize, smallLine, thresholds } from "../module/programs.ts";
import { describeModules } from "../variants.ts";
import { POOLS, paddedWindowOf, SQUARE, sizeOf, type WindowCase, windowOf } from "./windows.ts";

const CODES = ["u8", "i8", "bit"] as const;

function pool(
  shape: WindowCase,
  from: ActivationDtype,
  { to = "i32", ...more }: { to?: ActivationDtype; post?: AvgpoolOp["post"]; tileChannels?: number } = {},
): Program {
  const op: AvgpoolOp = { kind: "avgpool", inputs: [0], output: 1, window: windowOf(shape), ...more };
  return programOf(
    [
      [from, shape.input],
      [to, [...sizeOf(shape), shape.input[2]]],
    ],
    [op],
  );
}

describe("the definition", () => {
  const input = Int32Array.of(1, 10, 2, 20, 3, 30, 4, -40);
  const from = { height: 2, width: 2, channels: 2 };
  const small = { kernelHeight: 2, kernelWidth: 2 };

  it("sums the taps inside, channel by channel", () => {
    const output = new Int32Array(8);
    const op: AvgpoolOp = { kind: "avgpool", inputs: [0], output: 1, window: { ...SQUARE, ...small } };
    avgpool(op, [input], output, [from], from);
    expect([...output]).toEqual([1, 10, 3, 30, 4, 40, 10, 20]);
  });

  it("makes codes of them by the channel's record", () => {
    const output = new Int32Array(2);
    const post = thresholds({ base: 0, up: [10] }, { base: 5, down: [21] });
    const window = { ...SQUARE, ...small, padTop: 0, padLeft: 0 };
    avgpool({ kind: "avgpool", inputs: [0], output: 1, window, post }, [input], output, [from], {
      ...from,
      height: 1,
      width: 1,
    });
    expect([...output]).toEqual([1, 5]);
  });
});

describeModules("avgpool", (engine, module) => {
  it.each(CODES)("of %s is the reference's, for every shape", async (from) => {
    for (const [name, shape] of Object.entries(POOLS)) {
      const random = new Random(name.length);
      const count = shape.input.reduce((a, b) => a * b);
      const batches = [1, 3].map((rows) => [elements(from, rows * count, random)]);
      await expectReference(pool(shape, from), engine, module, batches);
    }
  });

  it.each(CODES.flatMap((from) => CODES.map((to) => [from, to] as const)))(
    "of %s with posts to %s",
    async (from, to) => {
      const random = new Random(3);
      const channels = 37;
      const records = Array.from({ length: channels }, () => ({
        base: random.int(-1, 0),
        up: [random.int(-300, 900)],
        down: [],
      }));
      const lines = Array.from({ length: channels }, () => smallLine(random.int(-20, 20), random.int(-500, 500), 8));
      const posts = [
        thresholds(...records),
        thresholds(records[0]!),
        ...(to === "bit" ? [] : [requantize({ lo: 0, hi: 100, rounding: "floor" }, ...lines)]),
      ];
      for (const post of posts) {
        for (const tiles of [{}, { tileChannels: 8 }]) {
          const program = pool({ input: [5, 4, channels] }, from, { to, post, ...tiles });
          const batches = [1, 5].map((rows) => [elements(from, rows * 20 * channels, random)]);
          await expectReference(program, engine, module, batches);
        }
      }
    },
  );

  it("of more channels than a block of sums has", async () => {
    const random = new Random(5);
    const shape: WindowCase = { input: [2, 3, 1100], window: { kernelHeight: 2, padTop: 0 } };
    for (const more of [{}, { to: "u8", post: thresholds({ base: 0, up: [100, 600] }) }] as const) {
      await expectReference(pool(shape, "u8", more), engine, module, [[elements("u8", 6600, random)]]);
    }
  });
});

describe("the reader refuses", () => {
  const shape: WindowCase = { input: [4, 4, 6] };
  const changed = (change: (op: AvgpoolOp, program: Program) => void): Program => {
    const program = pool(shape, "u8");
    change(program.ops[0] as AvgpoolOp, program);
    return program;
  };
  it.each<[string, Program, string]>([
    ["no kernel", changed(({ window }) => (window.kernelWidth = 0)), "at least 1 of each"],
    ["no dilation", changed(({ window }) => (window.dilationY = 0)), "at least 1 of each"],
    ["windows behind the input", changed(({ window }) => (window.strideX = 5)), "windows that overlap"],
    ["accumulators", pool(shape, "i32"), "expected codes"],
    ["more channels", changed((_, { tensors }) => (tensors[1]!.channels = 5)), "expected as many"],
    ["sums in bytes", pool(shape, "u8", { to: "u8" }), "post none gives u8"],
    ["codes in 32 bits", pool(shape, "u8", { post: thresholds({ base: 0, up: [3] }) }), "post thresholds gives i32"],
  ])("%s", (_, bad, why) => {
    const refused = () => readBlob(writeBlob(bad));
    expect(refused).toThrow(BlobError);
    expect(refused).toThrow(why);
  });
});

const by = (...values: number[]) => Float64Array.from(values);
const int = (scale: number, zero = 0, bits = 4, signed = true): Quantizer => ({
  ...{ kind: "int", scale: by(scale), zero: by(zero), bits, signed, narrow: false, rounding: "ROUND" },
});
const bipolar: Quantizer = { kind: "bipolar", scale: by(0.5) };
const GLOBAL = paddedWindowOf({
  ...{ input: [4, 4, 2], window: { kernelHeight: 4, kernelWidth: 4, padTop: 0, padLeft: 0 } },
});
const PADDED = paddedWindowOf({ input: [4, 4, 2] });
const HALVES = paddedWindowOf({
  ...{ input: [4, 4, 2], window: { kernelHeight: 2, kernelWidth: 2, strideY: 2, strideX: 2, padTop: 0, padLeft: 0 } },
});

/** x, 4 × 4 × 2 → codes → the mean → a quantizer, or an output. */
function network(
  quantizer: Quantizer,
  window = GLOBAL,
  { countsPadding = true, next = int(0.0625, 0, 8) as Quantizer | null } = {},
): Graph {
  const nodes: Node[] = [
    { op: "quantize", name: "q", inputs: ["x"], output: "q", channels: 2, quantizer },
    { op: "avgpool", name: "mean", inputs: ["q"], output: "m", channels: 2, window, countsPadding },
    ...(next ? [{ op: "quantize" as const, name: "r", inputs: ["m"], output: "r", channels: 2, quantizer: next }] : []),
  ];
  const outputs = [nodes.at(-1)!.output];
  return { name: "averaged", inputs: [{ name: "x", shape: [4, 4, 2], layout: "hwc" }], nodes, outputs };
}

const SAMPLES = Float32Array.from({ length: 96 }, (_, i) => Math.fround(Math.sin(7 * i) * 3));

describe("a graph", () => {
  const quantizers: [string, Quantizer][] = [
    ["signed codes", int(0.5)],
    ["unsigned codes", int(0.25, 0, 8, false)],
    ["codes with a zero point", int(0.25, 3, 4, false)],
    ["codes with a scale per channel, one below 0", { ...int(0.5), scale: by(0.5, -0.25) }],
    ["bits", bipolar],
  ];
  it.each(quantizers)("of %s computes what its program does, alone and before a quantizer", (name, quantizer) => {
    for (const window of [GLOBAL, HALVES, PADDED]) {
      for (const next of [null, int(0.0625, 0, 8), bipolar]) {
        const { program } = expectAgreement(network(quantizer, window, { next }), SAMPLES, { input: { dtype: "f32" } });
        const op = program.ops.at(-1)!;
        expect([op.kind, op.post === undefined]).toEqual(["avgpool", next === null]);
        expect(program.tensors[op.inputs[0]!]!.dtype === "bit").toBe(name === "bits");
      }
    }
  });

  it("means the mean: of all taps, or of those inside", () => {
    const ones = new Float32Array(32).fill(1);
    const mean = (window: typeof PADDED, countsPadding: boolean) =>
      Array.from(evaluate(network(int(0.5), window, { countsPadding, next: null }), [ones], 1)[0]!);
    expect(mean(GLOBAL, false)).toEqual([1, 1]);
    expect(mean(HALVES, false)).toEqual(new Array(8).fill(1));
    const [corner, edge, inside] = [4 / 9, 6 / 9, 1].map(Math.fround) as [number, number, number];
    const outer = [corner, edge, edge, corner];
    const inner = [edge, inside, inside, edge];
    expect(mean(PADDED, true)).toEqual([outer, inner, inner, outer].flat().flatMap((x) => [x, x]));
  });

  it("whose windows all see as many positions needs no padding counted", () => {
    const window = { ...PADDED, padTop: 3, padBottom: 3, kernelHeight: 7, padLeft: 0, padRight: 0, kernelWidth: 2 };
    expect(divisorOf({ window, countsPadding: false }, { height: 4, width: 4, channels: 2 })).toBe(8);
    expectAgreement(network(int(0.5), window, { countsPadding: false }), SAMPLES, { input: { dtype: "f32" } });
  });

  it.each<[string, Graph, string, string]>([
    [
      "with a divisor that depends on the position",
      network(int(0.5), PADDED, { countsPadding: false }),
      "divisor depends on the position",
      "count_include_pad = 1",
    ],
    [
      "of codes counted from another code, padded",
      network(int(0.5, 100, 8, false), PADDED),
      "counted from another code",
      "zero point 0",
    ],
  ])("%s is refused", (_, graph, why, instead) => {
    const work = () => lower(graph, OPTIONS);
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
    expect(work).toThrow(instead);
  });

  it("whose sums leave 32 bits is refused", () => {
    const graph = network(int(0.5, 0, 8), { ...GLOBAL, kernelHeight: 4100, kernelWidth: 4100 });
    graph.inputs[0]!.shape = [4100, 4100, 2];
    expect(() => lower(graph, OPTIONS)).toThrow("beyond 32 bits. Instead: fewer bits or a smaller window");
  });

  it("of sums, or of an input, is refused", () => {
    const twice = network(int(0.5), HALVES, { next: null });
    twice.nodes.push({ ...twice.nodes[1]!, name: "again", inputs: ["m"], output: "n", window: { ...HALVES } } as Node);
    twice.outputs = ["n"];
    expect(() => lower(twice, OPTIONS)).toThrow('no quantizer between layer "mean" and this one');
    const bare = network(int(0.5));
    bare.nodes[1]!.inputs = ["x"];
    bare.nodes.shift();
    expect(() => lower(bare, OPTIONS)).toThrow("no quantizer between the network's input and this layer");
  });

  it("behind a step that adds is refused, and behind one that scales is not", () => {
    const stepped = (step: Extract<Node, { op: "step" }>["step"]) => {
      const graph = network(int(0.5));
      graph.nodes.splice(1, 0, { op: "step", name: "s", inputs: ["q"], output: "s", channels: 2, step });
      graph.nodes[2]!.inputs = ["s"];
      return graph;
    };
    expect(() => lower(stepped({ kind: "add", by: by(0.3) }), OPTIONS)).toThrow('"s", between quantizer "q"');
    expectAgreement(stepped({ kind: "mul", by: by(-3) }), SAMPLES, { input: { dtype: "f32" } });
    expectAgreement(stepped({ kind: "relu" }), SAMPLES, { input: { dtype: "f32" } });
  });
});

describe("a file", () => {
  const codes = (input: string, output: string) =>
    node("Quant", [input, "s", "zero", "bits"], output, { signed: 1n, narrow: 0n, rounding_mode: "ROUND" });
  const file = (pool: ReturnType<typeof node>) =>
    encodeModel(
      model(
        {
          name: "averaged",
          node: [codes("x", "c"), node("MaxPool", ["c"], "q", { kernel_shape: [1n, 1n] }), pool, codes("p", "y")],
          initializer: [floatTensor("s", [], [0.0625]), floatTensor("zero", [], [0]), floatTensor("bits", [], [8])],
          input: [valueInfo("x", ["N", 2, 4, 5])],
          output: [valueInfo("y", [])],
        },
        { "": 13, "qonnx.custom_op.general": 1 },
        { name: "tests", version: "1" },
      ),
    );
  const small = { kernel_shape: [2n, 3n], strides: [2n, 1n] };
  const padded = { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n], count_include_pad: 1n };

  it.each<[string, ReturnType<typeof node>]>([
    ["AveragePool", node("AveragePool", ["q"], "p", small)],
    ["AveragePool that counts padding", node("AveragePool", ["q"], "p", padded)],
    ["AveragePool with ceil_mode that changes nothing", node("AveragePool", ["q"], "p", { ...small, ceil_mode: 1n })],
    ["GlobalAveragePool", node("GlobalAveragePool", ["q"], "p")],
    ["ReduceMean over positions", node("ReduceMean", ["q"], "p", { axes: [2n, -1n], keepdims: 0n })],
  ])("with %s becomes one op, and is proven", async (_, pool) => {
    const bytes = file(pool);
    const { blob } = await convert(bytes, { file: "averaged.onnx" });
    const program = readBlob(blob);
    expect(program.ops.at(-1)).toMatchObject({ kind: "avgpool", post: {} });
    const sessions = { reference: loadReference(blob) };
    const x = Float32Array.from({ length: 120 }, (_, i) => Math.fround(Math.sin(5 * i) * 6));
    const { differences, samples } = verify({ blob: program, checkpoint: bytes, sessions, inputs: [x], sha256: "" });
    expect({ differences, samples }).toEqual({ differences: [], samples: 3 });
  });

  it.each<[string, ReturnType<typeof node>, string, string]>([
    [
      "padding that is not counted",
      node("AveragePool", ["q"], "p", { ...padded, count_include_pad: 0n }),
      "its divisor depends on the position",
      "count_include_pad = 1",
    ],
    [
      "windows behind the picture",
      node("AveragePool", ["q"], "p", { ...small, kernel_shape: [3n, 3n], ceil_mode: 1n }),
      "its divisor depends on the position",
      "count_include_pad = 1",
    ],
    [
      "windows behind the padding",
      node("AveragePool", ["q"], "p", { ...padded, strides: [2n, 2n], pads: [0n, 0n, 0n, 0n], ceil_mode: 1n }),
      "its last windows end behind the padding",
      "ceil_mode = 0",
    ],
    [
      "a mean of channels",
      node("ReduceMean", ["q"], "p", { axes: [1n] }),
      "it reduces axes [1]",
      "the axes of all positions, [2,3]",
    ],
  ])("with %s is refused", (_, pool, why, instead) => {
    const work = () => importOnnx(file(pool));
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
    expect(work).toThrow(instead);
  });
});
