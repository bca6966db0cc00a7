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
import { type Draft, encodeModel, type NodeProto, type TensorProto } from "../../host/checkpoint/onnx/proto.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { evaluateOnnx } from "./onnx/definition.ts";
import { integerTensor } from "./onnx/integers.ts";
import { refusalOf } from "./refusals.ts";

// Operators of integers, each behind a QuantizeLinear and before a DequantizeLinear. Scales are powers of two but where a name says otherwise.

const range = (length: number, of: (i: number) => number) => Array.from({ length }, (_, i) => of(i));

const CONSTANTS: Draft<TensorProto>[] = [
  floatTensor("s", [], [0.25]),
  floatTensor("s1", [1], [0.25]),
  floatTensor("s2", [], [0.5]),
  floatTensor("s8", [], [8]),
  floatTensor("s32", [], [32]),
  floatTensor("third", [], [Math.fround(1 / 3)]),
  floatTensor("minus", [], [-1]),
  floatTensor("three_scales", [3], [0.125, 0.25, 0.0625]),
  floatTensor("two_scales", [2], [0.125, 0.25]),
  floatTensor("floats", [], [3]),
  integerTensor("u113", "UINT8", [], [113]),
  integerTensor("u128", "UINT8", [], [128]),
  integerTensor("u0", "UINT8", [], [0]),
  integerTensor("i7", "INT8", [], [-7]),
  integerTensor("i0", "INT8", [], [0]),
  integerTensor("wide", "INT32", [], [0]),
  integerTensor("three", "INT8", [3], [0, 1, -2]),
  integerTensor(
    "w",
    "INT8",
    [3, 2, 3, 3],
    range(54, (i) => ((37 * i) % 255) - 127),
  ),
  integerTensor(
    "w_shifted",
    "UINT8",
    [3, 2, 3, 3],
    range(54, (i) => 128 + (((37 * i) % 255) - 127)),
  ),
  integerTensor(
    "w_small",
    "INT8",
    [3, 2, 3, 3],
    range(54, (i) => ((37 * i) % 250) - 124),
  ),
  integerTensor(
    "depthwise",
    "INT8",
    [2, 1, 3, 3],
    range(18, (i) => ((41 * i) % 255) - 127),
  ),
  integerTensor(
    "m",
    "INT8",
    [40, 3],
    range(120, (i) => ((37 * i) % 255) - 127),
  ),
  integerTensor(
    "m_small",
    "INT8",
    [40, 3],
    range(120, (i) => ((37 * i) % 250) - 124),
  ),
  integerTensor(
    "mT",
    "INT8",
    [3, 40],
    range(120, (i) => ((37 * i) % 255) - 127),
  ),
  integerTensor("bias", "INT32", [3], [1000, -20000, 5000]),
  integerTensor("vast", "INT32", [3], [0, 2 ** 31 - 1, 0]),
  integerTensor("short", "INT32", [2], [1, 2]),
  integerTensor(
    "constant",
    "UINT8",
    [40],
    range(40, (i) => (i * 31) % 256),
  ),
  int64Tensor("around", [8], [0, 0, 1, 0, 0, 0, 0, 2]),
  floatTensor("row", [3], [1, 2, -3]),
];

const MICROSOFT = "com.microsoft";
const X = node("QuantizeLinear", ["x", "s", "u113"], "q");
const FLAT = node("Flatten", ["q"], "f");
const Y = (scale = "s8", zero = "u113", from = "r") => node("DequantizeLinear", [from, scale, zero], "y");
const conv = (inputs: string[], more: Record<string, AttributeValue> = {}) => node("QLinearConv", inputs, "r", more);
const own = (op: string, inputs: string[], y = "r", more: Record<string, AttributeValue> = {}) =>
  node(op, inputs, y, more, MICROSOFT);
const SAME = { pads: [1n, 1n, 1n, 1n] };

/** A network of pictures of 2 channels, 5 × 4. */
function file(nodes: Draft<NodeProto>[]): Uint8Array {
  const input = [valueInfo("x", ["N", 2, 5, 4])];
  const graph = { name: "qlinear", node: nodes, initializer: CONSTANTS, input, output: [valueInfo("y", [])] };
  return encodeModel(model(graph, { "": 13, [MICROSOFT]: 1 }, { name: "tests", version: "1" }));
}

const PLANAR = range(40, (i) => Math.fround(Math.sin(5 * i) * 30));
const channelsLast = (data: readonly number[], channels: number) =>
  data.map((_, i) => data[(i % channels) * (data.length / channels) + Math.floor(i / channels)]!);

function defined(bytes: Uint8Array): number[] {
  const { dims, data } = evaluateOnnx(bytes, PLANAR).get("y")!;
  return (dims.length === 4 ? channelsLast(data, dims[1]!) : data).map((y) => Math.fround(y) + 0);
}

function imported(bytes: Uint8Array): number[] {
  const { graph } = readCheckpoint(bytes);
  const rows = graph.inputs[0]!.layout ? channelsLast(PLANAR, 2) : PLANAR;
  return [...evaluate(graph, [Float32Array.from(rows)], 1)[0]!];
}

describe("operators of integers mean what the definition computes", () => {
  const layer = (w: string, ws: string, wz: string, ...more: string[]) => ["q", "s", "u113", w, ws, wz, ...more];
  it.each<[string, Draft<NodeProto>[]]>([
    [
      "QLinearConv, padded with the zero point",
      [X, conv([...layer("w", "s", "i0", "s32", "u113"), "bias"], SAME), Y("s32")],
    ],
    [
      "per channel, to int8, without a bias",
      [X, conv(layer("w_small", "three_scales", "three", "s8", "i7")), Y("s8", "i7")],
    ],
    ["of unsigned weights", [X, conv(layer("w_shifted", "s", "u128", "s32", "u113")), Y("s32")]],
    ["of scales that are no powers of two", [X, conv([...layer("w", "third", "i0", "s32", "u113"), "bias"]), Y("s32")]],
    [
      "depthwise, strided",
      [
        X,
        conv(layer("depthwise", "two_scales", "i0", "s8", "u0"), { group: 2n, strides: [2n, 2n], ...SAME }),
        Y("s8", "u0"),
      ],
    ],
    [
      "behind a Pad",
      [
        X,
        node("Pad", ["q", "around", "u113"], "p"),
        conv(["p", ...layer("w", "s", "i0", "s32", "u113").slice(1)]),
        Y("s32"),
      ],
    ],
    [
      "behind a pool, and a pool behind",
      [
        X,
        node("MaxPool", ["q"], "p", { kernel_shape: [2n, 2n] }),
        conv(["p", ...layer("w", "s", "i0", "s32", "u113").slice(1)]),
        node("MaxPool", ["r"], "t", { kernel_shape: [2n, 1n] }),
        Y("s32", "u113", "t"),
      ],
    ],
    [
      "one after another",
      [
        X,
        conv(layer("w", "s", "i0", "s32", "u113"), SAME),
        node("DequantizeLinear", ["r", "s32", "u113"], "d"),
        node("Relu", ["d"], "e"),
        node("QuantizeLinear", ["e", "s32", "u0"], "g"),
        node("GlobalMaxPool", ["g"], "t"),
        node("Flatten", ["t"], "u"),
        Y("s32", "u0", "u"),
      ],
    ],
    [
      "QLinearMatMul",
      [X, FLAT, node("QLinearMatMul", ["f", "s", "u113", "m", "s", "i0", "s32", "u113"], "r"), Y("s32")],
    ],
    [
      "per column",
      [
        X,
        FLAT,
        node("QLinearMatMul", ["f", "s", "u113", "m_small", "three_scales", "three", "s32", "i7"], "r"),
        Y("s32", "i7"),
      ],
    ],
    ["QGemm", [X, FLAT, own("QGemm", ["f", "s", "u113", "m", "s", "i0", "bias", "s32", "u113"]), Y("s32")]],
    [
      "transposed, per channel, times alpha",
      [
        X,
        FLAT,
        own("QGemm", ["f", "s", "u113", "mT", "three_scales", "i0", "bias", "s32", "u113"], "r", {
          transB: 1n,
          alpha: 0.75,
        }),
        Y("s32"),
      ],
    ],
    ["to real numbers", [X, FLAT, own("QGemm", ["f", "s1", "u113", "m", "s", "i0", "bias"], "y")]],
    [
      "QLinearAdd of a pool",
      [
        X,
        node("MaxPool", ["q"], "p", { kernel_shape: [1n, 1n] }),
        own("QLinearAdd", ["q", "s", "u113", "p", "s", "u113", "s2", "u128"]),
        Y("s2", "u128"),
      ],
    ],
    [
      "QLinearAdd of a constant",
      [X, FLAT, own("QLinearAdd", ["f", "s", "u113", "constant", "s2", "u128", "s2", "u128"]), Y("s2", "u128")],
    ],
    [
      "QLinearAveragePool",
      [X, own("QLinearAveragePool", ["q", "s", "u113", "s2", "u0"], "r", { kernel_shape: [2n, 2n] }), Y("s2", "u0")],
    ],
    ["QLinearGlobalAveragePool", [X, own("QLinearGlobalAveragePool", ["q", "s", "u113", "third", "u113"]), Y("third")]],
    [
      "QLinearConcat",
      [
        X,
        node("MaxPool", ["q"], "p", { kernel_shape: [1n, 1n] }),
        own("QLinearConcat", ["s2", "u128", "q", "s", "u113", "p", "s2", "u0"], "r", { axis: 1n }),
        Y("s2", "u128"),
      ],
    ],
    [
      "ConvInteger",
      [
        X,
        node("ConvInteger", ["q", "w", "u113", "i0"], "r", SAME),
        node("Cast", ["r"], "c", { to: 1n }),
        node("Mul", ["c", "third"], "y"),
      ],
    ],
    [
      "MatMulInteger",
      [
        X,
        FLAT,
        node("MatMulInteger", ["f", "m", "u113"], "r"),
        node("Cast", ["r"], "c", { to: 1n }),
        node("Mul", ["c", "s2"], "d"),
        node("Add", ["d", "row"], "y"),
      ],
    ],
    [
      "another zero point of the same integers",
      [X, FLAT, node("MatMulInteger", ["f", "m", "u0"], "r"), node("Cast", ["r"], "y", { to: 1n })],
    ],
    [
      "another scale of the same integers",
      [X, FLAT, node("QLinearMatMul", ["f", "s2", "u128", "m", "s", "i0", "s32", "u113"], "r"), Y("s32")],
    ],
  ])("%s", (_, nodes) => {
    const bytes = file(nodes);
    const expected = defined(bytes);
    expect(imported(bytes)).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(1);
  });
});

describe("what is no such operator is refused", () => {
  const params = ["q", "s", "u113", "w", "s", "i0", "s32", "u113", "bias"];
  const faulty = (index: number, by: string) => [X, conv(params.with(index, by)), Y("s32")];

  it.each<[string, Draft<NodeProto>[], string]>([
    ["no scale", faulty(1, ""), "input 1 is missing"],
    ["a scale below 0", faulty(1, "minus"), "scale -1"],
    ["a scale of weights below 0", faulty(4, "minus"), "scale -1 of weights"],
    ["a zero point of 32 bits", faulty(2, "wide"), '"wide" is of 32 bits'],
    ["a zero point of floats", faulty(7, "floats"), '"floats" is no integers'],
    ["weights of floats", faulty(3, "floats"), '"floats" is no integers'],
    ["a bias of floats", faulty(8, "row"), 'bias "row" is not of int32'],
    ["a bias of int8", faulty(8, "three"), 'bias "three" is not of int32'],
    ["no weights", [X, conv(["q", "s", "u113"]), Y()], "input 3 is missing"],
  ])("%s", (_, nodes, message) => {
    const error = refusalOf(file(nodes));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(message);
  });

  it.each<[string, Draft<NodeProto>[], string]>([
    ["scales of too many weights", faulty(4, "two_scales"), "its scale of weights has shape [2]"],
    [
      "zero points of too many weights",
      [X, conv(params.with(3, "depthwise").with(5, "three"), { group: 2n }), Y()],
      "its zero point of weights has shape [3]",
    ],
    ["several scales of the input", faulty(1, "three_scales"), "its scale has shape [3]"],
    ["a bias for too few channels", faulty(8, "short"), "its bias has shape [2]"],
    ["a bias that wraps around", faulty(8, "vast"), "channel 1 may leave 32 bits"],
    ["weights that are data", faulty(3, "q"), "its weights is computed from"],
    [
      "channels last",
      [X, own("QLinearGlobalAveragePool", ["q", "s", "u113", "s", "u113"], "r", { channels_last: 1n }), Y()],
      "channels_last",
    ],
    [
      "a softmax of integers",
      [X, FLAT, own("QLinearSoftmax", ["f", "s", "u113", "s", "u113"]), Y()],
      "op_types_to_quantize",
    ],
    [
      "another operator of onnxruntime",
      [X, own("QLinearSigmoid", ["q", "s", "u113", "s", "u113"]), Y()],
      "QuantFormat.QDQ",
    ],
    [
      "scales that depend on the input",
      [
        { op_type: "DynamicQuantizeLinear", input: ["x"], output: ["q", "d", "z"] },
        node("Cast", ["q"], "y", { to: 1n }),
      ],
      "quantize_static",
    ],
  ])("%s", (_, nodes, message) => {
    const error = refusalOf(file(nodes));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toContain(message);
  });
});
