import { describe, expect, it } from "vitest";
import { BlobError, UnsupportedError } from "../../host/base/errors.ts";
import { STATUS } from "../../host/base/status.ts";
import { codeRanges } from "../../host/blob/code_range.ts";
import { HEADER, HEADER_BYTES, OP, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, int64Tensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { commute } from "../../host/graph/commute.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { ActivationDtype, Op, Program } from "../../host/program.ts";
import { upsample } from "../../host/reference/upsample.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { Random } from "../graph/random.ts";
import { expectAgreement, OPTIONS } from "../lower/agree.ts";
import { expectReference } from "../module/agree.ts";
import { machine, seal } from "../module/machine.ts";
import { elements, programOf, thresholds } from "../module/programs.ts";
import { describeModules } from "../variants.ts";

type Size = [height: number, width: number, channels: number];

function enlarged(
  dtype: ActivationDtype,
  [height, width, channels]: Size,
  [factorY, factorX]: [number, number],
  to = dtype,
): Program {
  return programOf(
    [
      [dtype, [height, width, channels]],
      [to, [height * factorY, width * factorX, channels]],
    ],
    [{ kind: "upsample", inputs: [0], output: 1, factorY, factorX }],
  );
}

it("repeats lines and columns", () => {
  const output = new Int32Array(12);
  const from = { height: 2, width: 1, channels: 1 };
  const op: Op<"upsample"> = { kind: "upsample", inputs: [0], output: 1, factorY: 2, factorX: 3 };
  upsample(op, [Int32Array.of(7, -9)], output, [from], { height: 4, width: 3, channels: 1 });
  expect([...output]).toEqual([7, 7, 7, 7, 7, 7, -9, -9, -9, -9, -9, -9]);
});

describeModules("upsample", (engine, module) => {
  const random = new Random(17);
  it.each(["bit", "u8", "i8"] as const)("of %s is the reference's", async (dtype) => {
    for (const size of [
      [1, 1, 3],
      [2, 3, 33],
      [3, 2, 16],
      [5, 4, 1],
    ] as Size[]) {
      for (const factors of [
        [2, 2],
        [1, 3],
        [4, 1],
        [3, 2],
      ] as [number, number][]) {
        const count = size.reduce((a, b) => a * b);
        const batches = [1, 3].map((rows) => [elements(dtype, rows * count, random)]);
        await expectReference(enlarged(dtype, size, factors), engine, module, batches);
      }
    }
  });

  it("of the greatest factor is the reference's", async () => {
    await expectReference(enlarged("u8", [1, 2, 1], [1, 255]), engine, module, [[[3, 200]]]);
  });

  it.each<[string, Program, (view: DataView, at: number) => void]>([
    ["accumulators", enlarged("i32", [2, 2, 3], [2, 2]), () => {}],
    ["another dtype", enlarged("u8", [2, 2, 3], [2, 2], "i8"), () => {}],
    ["other channels", changed(enlarged("u8", [2, 2, 3], [2, 2]), { channels: 4 }), () => {}],
    ["a factor of 0", enlarged("u8", [2, 2, 3], [2, 2]), (view, at) => view.setUint8(at + OP.strideY, 0)],
    ["a factor of 0 columns", enlarged("u8", [2, 2, 3], [2, 2]), (view, at) => view.setUint8(at + OP.strideX, 0)],
    ["a post", enlarged("u8", [2, 2, 3], [2, 2]), (view, at) => view.setUint8(at + OP.post, 1)],
  ])("a hostile blob with %s is refused", async (_, bad, change) => {
    const blob = writeBlob(bad);
    const view = new DataView(blob.buffer);
    change(view, HEADER_BYTES + PART_BYTES + bad.tensors.length * TENSOR_BYTES);
    view.setUint32(HEADER.arenaPerRow, 4096, true); // room for all
    seal(blob, view.getUint32(HEADER.headBytes, true), 1);
    const { memory, plan } = await machine(engine, module);
    memory().set(blob);
    expect(STATUS[-plan(0, blob.length, 1)]).toBe("BadOp");
  });
});

/** The program with its output changed. */
function changed(program: Program, fields: Partial<Program["tensors"][number]>): Program {
  return { ...program, tensors: program.tensors.map((each, t) => (t === 1 ? { ...each, ...fields } : each)) };
}

describe("the reader refuses", () => {
  const program = enlarged("u8", [2, 2, 3], [2, 2]);
  it.each<[string, Program, string]>([
    ["accumulators", enlarged("i32", [2, 2, 3], [2, 2]), "expected codes of one dtype"],
    ["another dtype", enlarged("u8", [2, 2, 3], [2, 2], "i8"), "expected codes of one dtype"],
    ["other channels", changed(program, { channels: 2 }), "expected codes of one dtype"],
    ["another height", changed(program, { height: 2 }), "2 times as high"],
    ["another width", changed(program, { width: 3 }), "2 times as wide"],
    [
      "a post",
      { ...program, ops: [{ ...program.ops[0]!, post: thresholds({ base: 0, up: [1] }) } as unknown as Op] },
      "expected none",
    ],
  ])("%s", (_, bad, why) => {
    const refused = () => readBlob(writeBlob(bad));
    expect(refused).toThrow(BlobError);
    expect(refused).toThrow(why);
  });

  it("a window of several taps", () => {
    const blob = writeBlob(program);
    const view = new DataView(blob.buffer);
    view.setUint16(HEADER_BYTES + PART_BYTES + 2 * TENSOR_BYTES + OP.kernelWidth, 2, true);
    seal(blob, view.getUint32(HEADER.headBytes, true), 1);
    expect(() => readBlob(blob)).toThrow(BlobError);
  });
});

it("its codes are those of its input", () => {
  const table = Int16Array.from({ length: 256 }, (_, byte) => 3 + (byte & 1));
  const program = programOf(
    [
      ["u8", [1, 1, 2]],
      ["u8", [1, 1, 2]],
      ["u8", [2, 2, 2]],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: { kind: "lookup", table } },
      { kind: "upsample", inputs: [1], output: 2, factorY: 2, factorX: 2 },
    ],
  );
  expect(codeRanges(program)(2)).toEqual([3, 4]);
});

const by = (...values: number[]) => Float64Array.from(values);
const int = (scale: number, zero = 0, bits = 4, signed = true): Quantizer => ({
  ...{ kind: "int", scale: by(scale), zero: by(zero), bits, signed, narrow: false, rounding: "ROUND" },
});
const bipolar: Quantizer = { kind: "bipolar", scale: by(0.5) };

type Draft = Partial<Node> & { op: Node["op"] };
const quantize = (quantizer: Quantizer): Draft => ({ op: "quantize", quantizer });
const UPSAMPLE: Draft = { op: "upsample", factorY: 2, factorX: 3 };

/** x, 2 × 2 × 2 → codes → a 1 × 1 convolution → `drafts` → a convolution of binary weights. */
function network(drafts: Draft[]): Graph {
  const weights = { name: "w", outputs: 2, inputs: 2, scale: by(0.25), found: "bare" as const };
  const window = {
    ...{ kernelHeight: 1, strideY: 1, dilationY: 1, padTop: 0, padBottom: 0 },
    ...{ kernelWidth: 1, strideX: 1, dilationX: 1, padLeft: 0, padRight: 0 },
  };
  const layer: Draft = { op: "conv2d", window, groups: 1, weights: { ...weights, codes: Int32Array.of(1, -1, 1, 1) } };
  const all: Draft[] = [quantize(int(0.125, 0, 8)), layer, ...drafts, layer];
  const nodes = all.map((draft, i) => {
    const inputs = [i === 0 ? "x" : `v${i - 1}`];
    return { name: `${draft.op} ${i}`, inputs, output: `v${i}`, channels: 2, ...draft } as Node;
  });
  const outputs = [nodes.at(-1)!.output];
  return { name: "enlarged", inputs: [{ name: "x", shape: [2, 2, 2], layout: "chw" }], nodes, outputs };
}

const SAMPLES = Float32Array.from({ length: 96 }, (_, i) => Math.fround(Math.sin(7 * i) * 9));
const F32 = { input: { dtype: "f32" } } as const;

describe("a graph", () => {
  it.each<[string, Quantizer]>([
    ["signed codes", int(0.5)],
    ["codes of a scale below 0", int(-0.5)],
    ["codes beyond a signed byte", int(0.5, 100, 8, false)],
    ["bits", bipolar],
  ])("of %s computes what its program does", (name, quantizer) => {
    const { program } = expectAgreement(network([quantize(quantizer), UPSAMPLE]), SAMPLES, F32);
    const op = program.ops.find(({ kind }) => kind === "upsample")!;
    const [from, to] = [program.tensors[op.inputs[0]!]!, program.tensors[op.output]!];
    expect([from.dtype, to.height, to.width]).toEqual([to.dtype, 4, 6]);
    expect(to.dtype === "bit").toBe(name === "bits");
  });

  it("means what is repeated", () => {
    const graph = network([quantize(int(0.5)), UPSAMPLE]);
    graph.outputs = ["v2", "v3"];
    const [small, large] = evaluate(graph, [SAMPLES.subarray(0, 8)], 1) as [Float32Array, Float32Array];
    const line = (y: number) =>
      [0, 0, 0, 1, 1, 1].flatMap((x) => [...small.subarray(4 * y + 2 * x, 4 * y + 2 * x + 2)]);
    expect([...large]).toEqual([0, 0, 1, 1].flatMap(line));
  });

  it("of sums is computed behind the quantizer behind it", () => {
    const relu: Draft = { op: "step", step: { kind: "relu" } };
    const graph = network([UPSAMPLE, { op: "step", step: { kind: "add", by: by(0.5, -1) } }, relu, quantize(int(0.5))]);
    expect(() => lower(graph, OPTIONS)).toThrow('its input "v1" is no codes');
    const moved = commute(graph);
    expect(moved.notes).toEqual(['upsampling "upsample 2" is computed behind quantizer "quantize 5"']);
    expect(moved.graph.nodes.findLast(({ op }) => op === "upsample")!.output).toBe("v5");
    expectAgreement(moved.graph, SAMPLES, F32);
  });

  it("of sums without a quantizer behind it is refused for that reason alone", () => {
    expect(() => lower(commute(network([UPSAMPLE])).graph, OPTIONS)).toThrow(
      expect.objectContaining({
        reasons: [expect.objectContaining({ op: "upsample", why: expect.stringContaining("is no codes") })],
      }),
    );
  });

  it("of factors that no byte holds is refused, and converts once the advice is followed", () => {
    const work = () => lower(network([quantize(int(0.5)), { ...UPSAMPLE, factorX: 256 } as Draft]), OPTIONS);
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow("at most 255 times, or two of them");
    const sixteen: Draft = { op: "upsample", factorY: 1, factorX: 16 };
    lower(network([quantize(int(0.5)), sixteen, sixteen]), OPTIONS);
  });
});

describe("a file", () => {
  const quant = (input: string, output: string) =>
    node("Quant", [input, "s", "zero", "bits"], output, { signed: 1n, narrow: 0n, rounding_mode: "ROUND" });
  const file = (opset: number, ...nodes: ReturnType<typeof node>[]) =>
    encodeModel(
      model(
        {
          name: "enlarged",
          node: nodes,
          initializer: [
            ...[floatTensor("s", [], [0.5]), floatTensor("zero", [], [0]), floatTensor("bits", [], [6])],
            ...[floatTensor("none", [0], []), floatTensor("twice", [4], [1, 1, 2, 3])],
            ...[floatTensor("half", [4], [1, 1, 0.5, 1]), floatTensor("more", [4], [1, 2, 2, 2])],
            ...[floatTensor("spatial", [2], [2, 3])],
            ...[int64Tensor("begin", [1], [0]), int64Tensor("two", [1], [2]), int64Tensor("large", [2], [4, 9])],
          ],
          input: [valueInfo("x", ["N", 2, 2, 3])],
          output: [valueInfo("y", [])],
        },
        { "": opset, "qonnx.custom_op.general": 1 },
        { name: "tests", version: "1" },
      ),
    );
  const nearest = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };

  it.each<[string, number, ReturnType<typeof node>[]]>([
    ["Resize of scales", 13, [quant("x", "q"), node("Resize", ["q", "", "twice"], "y", nearest)]],
    ["Resize of scales, the roi empty", 11, [quant("x", "q"), node("Resize", ["q", "none", "twice"], "y", nearest)]],
    ["Resize with the usual modes", 13, [quant("x", "q"), node("Resize", ["q", "", "twice"], "y")]],
    [
      "Resize of axes",
      18,
      [quant("x", "q"), node("Resize", ["q", "", "spatial"], "y", { ...nearest, axes: [2n, -1n] })],
    ],
    [
      "Resize of sizes made of shapes",
      13,
      [
        ...[quant("x", "q"), node("Shape", ["q"], "all"), node("Slice", ["all", "begin", "two"], "first")],
        ...[
          node("Concat", ["first", "large"], "sizes", { axis: 0n }),
          node("Resize", ["q", "", "", "sizes"], "y", nearest),
        ],
      ],
    ],
    [
      "Resize of numbers that are quantized behind it",
      13,
      [node("Resize", ["x", "", "twice"], "r", nearest), quant("r", "y")],
    ],
    ["Resize of operator set 10", 10, [quant("x", "q"), node("Resize", ["q", "twice"], "y", { mode: "nearest" })]],
    ["Upsample of operator set 9", 9, [quant("x", "q"), node("Upsample", ["q", "twice"], "y")]],
    ["Upsample of operator set 7", 7, [quant("x", "q"), node("Upsample", ["q"], "y", { scales: [1, 1, 2, 3] })]],
  ])("with %s is read, and proven", async (_, opset, nodes) => {
    const bytes = file(opset, ...nodes);
    const { blob, program } = await convert(bytes, { file: "enlarged.onnx" });
    expect(program.ops.find(({ kind }) => kind === "upsample")).toMatchObject({ factorY: 2, factorX: 3 });
    const inputs = [Float32Array.from({ length: 8 * 12 }, (_, i) => Math.fround(Math.sin(3 * i) * 5))];
    const { differences, samples } = verify({
      ...{ blob: program, checkpoint: bytes, sha256: "", inputs },
      sessions: { reference: loadReference(blob) },
    });
    expect({ differences, samples }).toEqual({ differences: [], samples: 8 });
  });

  const resize = (scales: string, attributes = {}) => [
    quant("x", "q"),
    node("Resize", ["q", "", scales], "y", { ...nearest, ...attributes }),
  ];
  it.each<[string, ReturnType<typeof node>[], string]>([
    ["another mode", resize("twice", { mode: "linear" }), 'mode "linear"'],
    ["factors below 1", resize("half"), "its factors are [1,1,0.5,1]"],
    ["a factor of channels", resize("more"), "its factors are [1,2,2,2]"],
    [
      "coordinates that pick other positions",
      resize("twice", { nearest_mode: "ceil" }),
      "do not repeat every position",
    ],
    ["aligned corners", resize("twice", { coordinate_transformation_mode: "align_corners" }), "do not repeat"],
    [
      "coordinates of a crop",
      resize("twice", { coordinate_transformation_mode: "tf_crop_and_resize" }),
      "do not repeat",
    ],
    ["sizes of another number", resize("spatial"), "2 sizes or factors, expected 4"],
    ["no sizes", [quant("x", "q"), node("Resize", ["q"], "y")], "no scales and no sizes"],
  ])("with %s is refused", (_, nodes, why) => {
    expect(() => importOnnx(file(13, ...nodes))).toThrow(why);
  });
});
