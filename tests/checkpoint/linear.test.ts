import { describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError } from "../../host/base/errors.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import {
  type AttributeValue,
  floatTensor,
  int64Tensor,
  model,
  node,
  valueInfo,
} from "../../host/checkpoint/onnx/build.ts";
import {
  DATA_TYPE,
  type Draft,
  encodeModel,
  type NodeProto,
  type TensorProto,
} from "../../host/checkpoint/onnx/proto.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { inputPicture } from "../../host/graph/shapes.ts";
import { elementCount } from "../../host/shape.ts";
import { expectAgreement } from "../lower/agree.ts";
import { evaluateOnnx } from "./onnx/definition.ts";
import { integerTensor } from "./onnx/integers.ts";
import { refusalOf } from "./refusals.ts";

// QuantizeLinear and DequantizeLinear as exporters write them, around what networks are made of. Scales are powers of two, so f32 is exact.

const range = (length: number, of: (i: number) => number) => Array.from({ length }, (_, i) => of(i));

const CONSTANTS: Draft<TensorProto>[] = [
  floatTensor("s", [], [0.25]),
  floatTensor("s2", [], [0.5]),
  floatTensor("third", [], [Math.fround(1 / 3)]),
  floatTensor("channels", [2], [0.25, 0.5]),
  floatTensor("per_output", [3], [0.125, 0.25, 0.5]),
  floatTensor("nan", [], [Number.NaN]),
  floatTensor("none", [], [0]),
  floatTensor("s256", [], [1 / 256]),
  floatTensor("low", [], [-4.5]),
  floatTensor("high", [], [6]),
  integerTensor("u113", "UINT8", [], [113]),
  integerTensor("u0", "UINT8", [], [0]),
  integerTensor("i7", "INT8", [], [-7]),
  integerTensor("i_least", "INT8", [], [-128]),
  integerTensor("pair", "INT8", [2], [3, -4]),
  integerTensor("three", "INT8", [3], [0, 0, 0]),
  integerTensor("u4", "UINT4", [], [7]),
  integerTensor("i4", "INT4", [], [-2]),
  integerTensor("u2", "UINT2", [], [1]),
  integerTensor("i2", "INT2", [], [0]),
  integerTensor(
    "w",
    "INT8",
    [3, 2, 3, 3],
    range(54, (i) => ((37 * i) % 255) - 127),
  ),
  integerTensor(
    "w4",
    "INT4",
    [3, 2, 1, 1],
    range(6, (i) => ((5 * i) % 16) - 8),
  ),
  integerTensor("w2", "INT2", [3, 2, 1, 1], [-2, 1, 0, -1, 1, 1]),
  integerTensor("shifted", "UINT8", [3, 2, 1, 1], [0, 100, 255, 128, 130, 7]),
  integerTensor("u128", "UINT8", [], [128]),
  integerTensor("bias", "INT32", [3], [100, -200, 5000]),
  integerTensor("zeros", "INT32", [3], [0, 0, 0]),
  int64Tensor("around", [8], [0, 0, 1, 0, 0, 0, 0, 2]),
  int64Tensor("channel", [8], [0, 0, 0, 0, 0, 1, 0, 0]),
  floatTensor("f32", [], [3]),
];

const quantize = (x: string, y: string, scale = "s", zero = "u113", more: Record<string, AttributeValue> = {}) =>
  node("QuantizeLinear", [x, scale, zero], y, more);
const dequantize = (x: string, y: string, scale = "s", zero = "u113", more: Record<string, AttributeValue> = {}) =>
  node("DequantizeLinear", [x, scale, zero], y, more);
/** Both: x as codes and real again. */
const coded = (x: string, y: string, ...quantization: string[]) => [
  quantize(x, `${y}_q`, ...quantization),
  dequantize(`${y}_q`, y, ...quantization),
];
const conv = (x: string, y: string, w = "kernel", ...more: string[]) => node("Conv", [x, w, ...more], y);
const KERNEL = dequantize("w", "kernel", "per_output", "three", { axis: 0n });
const BIAS = dequantize("bias", "b", "per_output", "zeros", { axis: 0n });

/** A network of pictures of 2 channels, 5 × 4. */
function file(nodes: Draft<NodeProto>[], type: number = DATA_TYPE.FLOAT): Uint8Array {
  const input = [valueInfo("x", ["N", 2, 5, 4], type)];
  const graph = { name: "linear", node: nodes, initializer: CONSTANTS, input, output: [valueInfo("y", [])] };
  return encodeModel(model(graph, { "": 13 }, { name: "tests", version: "1" }));
}

const PLANAR = range(40, (i) => Math.fround(Math.sin(5 * i) * 30));

/** Elements of [C, H, W] as those of [H, W, C], for as many channels. */
const channelsLast = (data: readonly number[], channels: number) =>
  data.map((_, i) => data[(i % channels) * (data.length / channels) + Math.floor(i / channels)]!);

/** What a file means, by its own nodes. */
function defined(bytes: Uint8Array, x = PLANAR): number[] {
  const { dims, data } = evaluateOnnx(bytes, x).get("y")!;
  return dims.length === 4 ? channelsLast(data, dims[1]!) : data;
}

/** What its graph computes, and its ops. */
function imported(bytes: Uint8Array, x = PLANAR): { y: number[]; ops: string[] } {
  const { graph } = readCheckpoint(bytes);
  const rows = [Float32Array.from(channelsLast(x, 2))];
  const ops = graph.nodes.map((each) => (each.op === "step" ? each.step.kind : each.op));
  return { y: [...evaluate(graph, rows, 1)[0]!], ops };
}

describe("files of QuantizeLinear and DequantizeLinear mean what their nodes do", () => {
  const layer = (...nodes: Draft<NodeProto>[]) => [KERNEL, BIAS, ...nodes];
  it.each<[string, Draft<NodeProto>[], ops: string]>([
    [
      "a convolution per channel, padded with the zero point",
      layer(
        ...coded("x", "d"),
        node("Conv", ["d", "kernel", "b"], "r", { pads: [1n, 1n, 1n, 1n] }),
        ...coded("r", "y", "s2"),
      ),
      "quantize conv2d add quantize",
    ],
    [
      "integers around a ReLU and a pool",
      [
        ...coded("x", "d"),
        node("Relu", ["d"], "r"),
        ...coded("r", "e"),
        node("MaxPool", ["e"], "m", { kernel_shape: [2n, 2n] }),
        ...coded("m", "y"),
      ],
      "quantize relu maxpool",
    ],
    [
      "a Clip between codes",
      [...coded("x", "d"), node("Clip", ["d", "low", "high"], "c"), ...coded("c", "y", "s2", "i7")],
      "quantize max min quantize",
    ],
    [
      "a pool of integers",
      [quantize("x", "q"), node("MaxPool", ["q"], "m", { kernel_shape: [2n, 2n] }), dequantize("m", "y")],
      "quantize maxpool",
    ],
    [
      "a pool of integers per channel",
      [
        quantize("x", "q", "channels", "pair"),
        node("MaxPool", ["q"], "m", { kernel_shape: [2n, 2n] }),
        dequantize("m", "y", "channels", "pair"),
      ],
      "quantize maxpool",
    ],
    [
      "a pool of all integers",
      [quantize("x", "q"), node("GlobalMaxPool", ["q"], "m"), node("Flatten", ["m"], "f"), dequantize("f", "y")],
      "quantize maxpool",
    ],
    [
      "a Pad of integers with their zero point",
      layer(
        quantize("x", "q"),
        node("Pad", ["q", "around", "u113"], "p"),
        dequantize("p", "d"),
        conv("d", "r"),
        ...coded("r", "y", "s2"),
      ),
      "quantize conv2d quantize",
    ],
    [
      "a Pad of integers without one",
      layer(
        quantize("x", "q", "s", "u0"),
        node("Pad", ["q", "around"], "p"),
        dequantize("p", "d", "s", "u0"),
        conv("d", "r"),
        ...coded("r", "y", "s2"),
      ),
      "quantize conv2d quantize",
    ],
    [
      "a Pad of integers before a pool",
      [
        quantize("x", "q", "s", "i_least"),
        node("Pad", ["q", "around", "i_least"], "p"),
        node("MaxPool", ["p"], "m", { kernel_shape: [3n, 3n] }),
        dequantize("m", "y", "s", "i_least"),
      ],
      "quantize maxpool",
    ],
    [
      "a Pad between codes",
      layer(
        ...coded("x", "d"),
        node("Pad", ["d", "around"], "p"),
        ...coded("p", "e"),
        conv("e", "r"),
        ...coded("r", "y", "s2"),
      ),
      "quantize conv2d quantize",
    ],
    [
      "a channel of zero points",
      [
        quantize("x", "q"),
        node("Pad", ["q", "channel", "u113"], "p"),
        dequantize("p", "d"),
        node("GlobalMaxPool", ["d"], "y"),
      ],
      "quantize conv2d quantize maxpool",
    ],
    [
      "a sum of codes",
      [
        ...coded("x", "d"),
        node("Relu", ["d"], "r"),
        ...coded("r", "e", "s2", "u0"),
        node("Add", ["d", "e"], "a"),
        ...coded("a", "y", "s2", "i7"),
      ],
      "quantize relu quantize add quantize",
    ],
    [
      "a join of integers",
      [
        quantize("x", "q"),
        node("MaxPool", ["q"], "m", { kernel_shape: [1n, 1n] }),
        node("Concat", ["q", "m"], "c", { axis: 1n }),
        dequantize("c", "y"),
      ],
      "quantize maxpool concat",
    ],
    [
      "another quantization of integers",
      [quantize("x", "q"), dequantize("q", "d", "s2", "i7"), ...coded("d", "y", "s2", "u113")],
      "quantize div add sub mul quantize",
    ],
    [
      "integers as numbers",
      [quantize("x", "q"), node("Relu", ["q"], "r"), dequantize("r", "y")],
      "quantize div add relu sub mul",
    ],
    ["integers at the end", [...coded("x", "d"), quantize("d", "y")], "quantize div add"],
    [
      "a softmax that is rounded, at the end",
      [
        ...coded("x", "d"),
        node("GlobalMaxPool", ["d"], "m"),
        node("Flatten", ["m"], "f"),
        node("Softmax", ["f"], "p", { axis: 1n }),
        ...coded("p", "y", "s256", "i_least"),
      ],
      "quantize maxpool softmax",
    ],
    ["4 bits, unsigned", coded("x", "y", "s2", "u4"), "quantize"],
    ["4 bits, signed", coded("x", "y", "s2", "i4"), "quantize"],
    ["2 bits, unsigned", coded("x", "y", "s2", "u2"), "quantize"],
    ["2 bits, signed", coded("x", "y", "s2", "i2"), "quantize"],
    [
      "a type that an attribute tells",
      [quantize("x", "q", "s", "", { output_dtype: BigInt(DATA_TYPE.INT8) }), dequantize("q", "y", "s", "")],
      "quantize",
    ],
    [
      "weights of 4 bits",
      [dequantize("w4", "k", "s", "i4"), ...coded("x", "d"), conv("d", "r", "k"), ...coded("r", "y", "s2")],
      "quantize conv2d quantize",
    ],
    [
      "weights of 2 bits",
      [
        dequantize("w2", "k", "per_output", "", { axis: 0n }),
        ...coded("x", "d"),
        conv("d", "r", "k"),
        ...coded("r", "y", "s2"),
      ],
      "quantize conv2d quantize",
    ],
    [
      "unsigned weights whose codes fit int8",
      [dequantize("shifted", "k", "s", "u128"), ...coded("x", "d"), conv("d", "r", "k"), ...coded("r", "y", "s2")],
      "quantize conv2d quantize",
    ],
  ])("%s", (name, nodes, ops) => {
    const bytes = file(nodes);
    const found = imported(bytes);
    if (!name.startsWith("a type")) expect(found.y).toEqual(defined(bytes)); // the definition takes types of zero points alone
    expect(found.ops.join(" ")).toBe(ops);
  });

  it("divides an input in f32, as ONNX does", () => {
    const bytes = file(coded("x", "y", "third"));
    const x = [...PLANAR];
    for (let i = 0; i < x.length; i++) x[i] = Math.fround(Math.fround(1 / 3) * (i + 0.5));
    expect(imported(bytes, x).y).toEqual(defined(bytes, x).map(Math.fround));
    const exact = x.map((each) => Math.round(each / Math.fround(1 / 3)));
    const inF32 = x.map((each) => Math.round(Math.fround(each / Math.fround(1 / 3))));
    expect(exact).not.toEqual(inF32); // there are some that tell
  });
});

describe("a network whose input is integers", () => {
  it.each<[string, number, string]>([
    ["uint8", DATA_TYPE.UINT8, "u113"],
    ["int8", DATA_TYPE.INT8, "i7"],
  ])("takes them as codes: %s", (_, type, zero) => {
    const nodes = [KERNEL, dequantize("x", "d", "s", zero), conv("d", "r"), ...coded("r", "y", "s2", zero)];
    const bytes = file(nodes, type);
    const x = range(40, (i) => (type === DATA_TYPE.UINT8 ? (i * 53) % 256 : ((i * 53) % 256) - 128));
    expect(imported(bytes, x).y).toEqual(defined(bytes, x));
    const { graph } = readCheckpoint(bytes);
    const elements =
      type === DATA_TYPE.UINT8 ? Uint8Array.from(channelsLast(x, 2)) : Int8Array.from(channelsLast(x, 2));
    expect(elements).toHaveLength(elementCount(inputPicture(graph.inputs[0]!)));
    expectAgreement(graph, elements);
  });
});

describe("what is no such file is refused", () => {
  it.each<[string, Draft<NodeProto>[], string]>([
    ["a zero point of floats", [quantize("x", "y", "s", "f32")], 'zero point "f32"'],
    ["a scale of 0", [quantize("x", "y", "none")], "is 0, expected not"],
    ["a scale of NaN", [quantize("x", "y", "nan")], "expected a finite number"],
    ["an axis out of range", [quantize("x", "y", "channels", "pair", { axis: 4n })], "axis 4 of a tensor with 4 axes"],
    ["no scale", [node("QuantizeLinear", ["x"], "y")], "input 1 is missing"],
  ])("%s", (_, nodes, message) => {
    const error = refusalOf(file(nodes));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(message);
  });

  it.each<[string, Draft<NodeProto>[], string]>([
    ["a scale for too many channels", [quantize("x", "y", "per_output", "three")], "does not fit"],
    ["zero points of another number of channels", [quantize("x", "y", "channels", "three")], "does not fit"],
    ["a scale per block", [quantize("x", "y", "s", "u113", { block_size: 2n })], "from block to block"],
    [
      "a precision of 16 bits",
      [quantize("x", "y", "s", "u113", { precision: BigInt(DATA_TYPE.FLOAT16) })],
      "precision",
    ],
    [
      "the greatest of rounded probabilities",
      [
        ...coded("x", "d"),
        node("GlobalMaxPool", ["d"], "m"),
        node("Flatten", ["m"], "f"),
        node("Softmax", ["f"], "p", { axis: 1n }),
        ...coded("p", "r", "s256", "i_least"),
        node("ArgMax", ["r"], "y", { axis: 1n }),
      ],
      "it reads the softmax",
    ],
    ["integers that are added", [quantize("x", "q"), node("Add", ["q", "q"], "y")], "in an integer type"],
    [
      "a Pad of integers with another number",
      [quantize("x", "q"), node("Pad", ["q", "around"], "p"), dequantize("p", "d"), conv("d", "y", "w")],
      "it pads with 0",
    ],
    [
      "weights beyond int8",
      [dequantize("shifted", "k", "s", "u0"), ...coded("x", "d"), conv("d", "y", "k")],
      "is outside -128…127",
    ],
  ])("%s", (_, nodes, message) => {
    const error = refusalOf(file(nodes));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toContain(message);
  });
});
