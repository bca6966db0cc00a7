import { afterAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import {
  type AttributeValue,
  byteTensor,
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
import { type ConvertOptions, convert } from "../../host/convert.ts";
import { integerTensor } from "./onnx/integers.ts";
import { refusalsIn } from "./refusals.ts";

// Every refusal gives an advice. Here each one is followed, and what comes of it converts.

interface Case {
  nodes: Draft<NodeProto>[];
  shape?: (number | string)[];
  /** Type of the input, as in DATA_TYPE; f32 if not told. */
  type?: number;
  options?: ConvertOptions;
}

const QONNX = "qonnx.custom_op.general";
const CONSTANTS: Draft<TensorProto>[] = [
  ...[0, 1, 2, 4, 8, 9, 17, 200].map((x) => floatTensor(`f${x}`, [], [x])),
  floatTensor("half", [], [0.5]),
  floatTensor("tiny", [], [1e-38]),
  floatTensor("minus", [], [-1]),
  floatTensor("features", [3], [1, 2, 3]),
  floatTensor("pair", [2], [1, 2]),
  floatTensor("square", [2, 2], [1, 2, 3, 4]),
  floatTensor("w", [3, 2], [0.5, -0.5, 0, 0.5, -0.5, 0]),
  floatTensor("w1", [3, 2, 1], [0.5, -0.5, 0, 0.5, -0.5, 0]),
  floatTensor("w6", [6, 2], [1, -1, 1, 1, -1, 1, 1, -1, 1, 1, -1, 1]),
  floatTensor("v", [2, 2], [1, -1, 1, 1]),
  floatTensor("floats", [3, 2], [0.1257, -0.1321, 0.6404, 0.1049, -0.5357, 0.3616]),
  floatTensor("big", [3, 2], [200, 1, 2, 3, 4, 5]),
  floatTensor("per_input", [3, 1], [0.5, 0.25, 0.125]),
  floatTensor("per_output", [1, 2], [0.5, 0.25]),
  floatTensor("kernel", [2, 2, 1, 1], [1, -1, 1, 1]),
  floatTensor(
    "kernel3",
    [1, 2, 3, 3],
    Array.from({ length: 18 }, (_, i) => (i % 3) - 1),
  ),
  int64Tensor("i4", [1], [4]),
  int64Tensor("i8", [1], [8]),
  floatTensor(
    "w12",
    [12, 2],
    Array.from({ length: 24 }, (_, i) => (i % 3 ? 1 : -1)),
  ),
  floatTensor("twice", [4], [1, 1, 2, 2]),
  floatTensor("halved", [4], [1, 1, 0.5, 2]),
  floatTensor("huge", [4], [1, 1, 4096, 4096]),
  int64Tensor("sizes", [4], [1, 2, 4, 6]),
  int64Tensor("merged", [3], [0, 4, 3]),
  int64Tensor("lines", [8], [0, 0, 1, 0, 0, 0, 1, 0]),
  int64Tensor("cut", [8], [0, 0, -1, 0, 0, 0, 1, 0]),
  int64Tensor("samples", [8], [1, 0, 0, 0, 0, 0, 0, 0]),
  int64Tensor("planes", [8], [0, 1, 0, 0, 0, 0, 0, 0]),
  int64Tensor("many", [9], [1, 1, 1, 1, 1, 1, 1, 1, 1]),
  int64Tensor("i0", [1], [0]),
  int64Tensor("i1", [1], [1]),
  int64Tensor("i2", [1], [2]),
  int64Tensor("empty", [0], []),
  int64Tensor("row", [2], [-1, 3]),
  int64Tensor("moved", [2], [3, -1]),
  int64Tensor("zeros", [2], [0, 0]),
  int64Tensor("nine", [9], [-1, 3, 1, 1, 1, 1, 1, 1, 1]),
  byteTensor("int8", "INT8", [], [3]),
  byteTensor("codes", "INT8", [3, 2], [1, -2, 3, -4, 5, -6]),
  integerTensor("bias", "INT32", [2], [100, -100]),
  integerTensor("vast", "INT32", [2], [2 ** 31 - 1, 0]),
  integerTensor("one_bias", "INT32", [1], [1]),
  { name: "int16", dims: [], data_type: DATA_TYPE.INT16, int32_data: [3] },
  { name: "int32", dims: [], data_type: DATA_TYPE.INT32, int32_data: [3] },
  { name: "training", dims: [], data_type: DATA_TYPE.BOOL, int32_data: [1] },
];

const MICROSOFT = "com.microsoft";
type Attributes = Record<string, AttributeValue>;
const quant = (x: string, y: string, scale = "half", zero = "f0", bits = "f4", more: Attributes = {}) =>
  node("Quant", [x, scale, zero, bits], y, { signed: 1n, narrow: 0n, rounding_mode: "ROUND", ...more }, QONNX);
const q = quant("x", "q");
const padded = (x: string, pads = "lines", value = "") => node("Pad", [x, pads, value], "p");
const convolved = (x: string) => node("Conv", [x, "kernel3"], "y", { pads: [1n, 1n, 1n, 1n] });
const pooled = (x: string) => node("MaxPool", [x], "m", { kernel_shape: [3n, 3n] });
const sliced = (start: string, step = "i1") => node("Slice", ["q", start, "i4", "i2", step], "s");
const matMul = (x: string, w = "w", y = "y") => node("MatMul", [x, w], y);
/** A convolution of [N, 2, H, W] behind a quantizer. */
const conv = [q, node("Conv", ["q", "kernel"], "r")];
const lastAxes = (x: string, y: string) => node("Transpose", [x], y, { perm: [0n, 2n, 3n, 1n] });
const firstAxes = (x: string, y: string) => node("Transpose", [x], y, { perm: [0n, 3n, 1n, 2n] });
/** Behind a quantizer. */
const one = (opType: string, inputs: string[], attributes: Attributes = {}): Draft<NodeProto>[] => [
  q,
  node(opType, inputs, "y", attributes),
];
const bias = ["q", "f1", "f0", "f0", "f1"];

/** Integers of the input, and operators that read them. */
const integers = node("QuantizeLinear", ["x", "half", "int8"], "i");
const product = (scale: string) =>
  node("QLinearMatMul", ["i", "half", "int8", "codes", scale, "", "half", "int8"], "y");
const gemmed = (bias: string) =>
  node("QGemm", ["i", "half", "int8", "codes", "half", "", bias, "half", "int8"], "y", {}, MICROSOFT);
const globalMean = (more: Attributes) => [
  integers,
  node("QLinearGlobalAveragePool", ["i", "half", "int8", "half", "int8"], "y", more, MICROSOFT),
];

function bytes({ nodes, shape = ["N", 3], type }: Case): Uint8Array {
  const input = [valueInfo("x", shape, type)];
  const graph = { name: "g", node: nodes, initializer: CONSTANTS, input, output: [valueInfo("y", [])] };
  return encodeModel(model(graph, { "": 13, [QONNX]: 1, [MICROSOFT]: 1 }, { name: "tests", version: "1" }));
}

const CASES: [instead: string, refused: Case, followed: Case][] = [
  // onnx.ts
  ["what a network of layers needs: MatMul", { nodes: one("Mish", ["q"]) }, { nodes: [q, matMul("q")] }],
  ["HardTanh, Clip or Relu", { nodes: one("Tanh", ["q"]) }, { nodes: one("Clip", ["q", "minus", "f1"]) }],
  ["Softmax, or the scores before it", { nodes: one("LogSoftmax", ["q"]) }, { nodes: one("Softmax", ["q"]) }],
  [
    "the axes of all positions, [2,3]",
    { nodes: [...conv, quant("r", "s"), node("ReduceMean", ["s"], "y", { axes: [3n] })], shape: ["N", 2, 2, 3] },
    { nodes: [...conv, quant("r", "s"), node("ReduceMean", ["s"], "y", { axes: [2n, 3n] })], shape: ["N", 2, 2, 3] },
  ],
  [
    "only the first output",
    { nodes: [q, { op_type: "Dropout", input: ["q"], output: ["d", "y"] }] },
    { nodes: [q, { op_type: "Dropout", input: ["q"], output: ["y"] }] },
  ],
  // onnx_ops.ts
  ["data on the left, weights on the right", { nodes: [q, matMul("w", "q")] }, { nodes: [q, matMul("q")] }],
  [
    "one row per sample: transA = 0",
    { nodes: one("Gemm", ["q", "w"], { transA: 1n }) },
    { nodes: one("Gemm", ["q", "w"]) },
  ],
  ["a matrix", { nodes: [q, matMul("q", "w1")] }, { nodes: [q, matMul("q")] }],
  [
    "a Flatten or Reshape to one vector per sample before it",
    { nodes: [q, matMul("q")], shape: ["N", 2, 3] },
    { nodes: [q, node("Flatten", ["q"], "f"), matMul("f", "w6")], shape: ["N", 2, 3] },
  ],
  ["a constant exponent", { nodes: one("Pow", ["half", "q"]) }, { nodes: one("Pow", ["q", "f2"]) }],
  ["one data operand and a constant", { nodes: one("Sub", ["q", "q"]) }, { nodes: one("Sub", ["q", "f1"]) }],
  [
    "one data operand and constants",
    { nodes: [q, node("Relu", ["q"], "r"), node("Min", ["q", "r"], "y")] },
    { nodes: one("Min", ["q", "f1"]) },
  ],
  [
    "or Max instead of Min",
    { nodes: [q, node("Relu", ["q"], "r"), node("Min", ["q", "r"], "y")] },
    { nodes: [q, node("Relu", ["q"], "r"), node("Max", ["q", "r"], "y")] },
  ],
  [
    "equal shapes",
    { nodes: [q, matMul("q", "w", "m"), quant("m", "a"), node("Max", ["q", "a"], "y")] },
    { nodes: [q, matMul("q", "w", "m"), quant("m", "a"), node("Max", ["a", "a"], "y")] },
  ],
  [
    "a model exported for inference",
    { nodes: one("BatchNormalization", ["q", "features", "features", "features", "features"], { training_mode: 1n }) },
    { nodes: one("BatchNormalization", ["q", "features", "features", "features", "features"]) },
  ],
  [
    "a model exported for inference",
    { nodes: one("Dropout", ["q", "half", "training"]) },
    { nodes: one("Dropout", ["q"]) },
  ],
  [
    "a batch axis, then the channels",
    { nodes: one("BatchNormalization", bias), shape: [3] },
    { nodes: one("BatchNormalization", ["q", "features", "features", "features", "features"]) },
  ],
  ["at most 8", { nodes: one("Reshape", ["q", "nine"]) }, { nodes: one("Reshape", ["q", "row"]) }],
  [
    "sizes above 0",
    { nodes: one("Reshape", ["q", "zeros"], { allowzero: 1n }) },
    { nodes: one("Reshape", ["q", "row"]) },
  ],
  [
    "axes of size 1, without the batch",
    { nodes: one("Squeeze", ["q", "i1"]) },
    { nodes: one("Squeeze", ["q", "i2"]), shape: ["N", 3, 1] },
  ],
  ["a shape with the batch first", { nodes: one("Reshape", ["q", "moved"]) }, { nodes: one("Reshape", ["q", "row"]) }],
  [
    "weights that are stored in the order of the data",
    {
      nodes: [q, node("Transpose", ["q"], "t", { perm: [0n, 2n, 1n] }), node("Flatten", ["t"], "f"), matMul("f", "w6")],
      shape: ["N", 2, 3],
    },
    { nodes: [q, node("Flatten", ["q"], "f"), matMul("f", "w6")], shape: ["N", 2, 3] },
  ],
  [
    "a tensor or numbers",
    { nodes: [node("Constant", [], "c", { value_string: "1" }), ...one("Add", ["q", "c"])] },
    { nodes: [node("Constant", [], "c", { value_float: 1 }), ...one("Add", ["q", "c"])] },
  ],
  [
    "the result, stored in the file",
    {
      nodes: [
        node("Slice", ["empty", "i0", "i1"], "e"),
        node("Concat", ["e", "row"], "s", { axis: 0n }),
        ...one("Reshape", ["q", "s"]),
      ],
    },
    { nodes: [node("Concat", ["empty", "row"], "s", { axis: 0n }), ...one("Reshape", ["q", "s"])] },
  ],
  ["whole vectors: only constants and shapes", { nodes: one("Gather", ["q", "i0"]) }, { nodes: [q, matMul("q")] }],
  [
    "float32 data, quantized by Quant nodes",
    { nodes: one("Cast", ["q"], { to: 7n }) },
    { nodes: one("Cast", ["q"], { to: 1n }) },
  ],
  [
    "the axis of the features",
    { nodes: one("Softmax", ["q"], { axis: 0n }) },
    { nodes: one("Softmax", ["q"], { axis: 1n }) },
  ],
  [
    "the axis of the features",
    { nodes: one("ArgMax", ["q"], { axis: 0n }) },
    { nodes: one("ArgMax", ["q"], { axis: 1n }) },
  ],
  [
    "select_last_index = 0",
    { nodes: one("ArgMax", ["q"], { axis: 1n, select_last_index: 1n }) },
    { nodes: one("ArgMax", ["q"], { axis: 1n, select_last_index: 0n }) },
  ],
  [
    "a constant with one entry, or one per feature",
    { nodes: one("Add", ["q", "pair"]) },
    { nodes: one("Add", ["q", "features"]) },
  ],
  [
    "a Cast to FLOAT before it",
    { nodes: [node("Add", ["x", "int8"], "a"), quant("a", "y")], type: DATA_TYPE.INT8 },
    {
      nodes: [node("Cast", ["x"], "c", { to: 1n }), node("Add", ["c", "f1"], "a"), quant("a", "y")],
      type: DATA_TYPE.INT8,
    },
  ],
  // onnx_call.ts
  [
    "the constant that results, stored in the file",
    { nodes: [node("Softmax", ["features"], "c"), ...one("Add", ["q", "c"])] },
    { nodes: one("Add", ["q", "features"]) },
  ],
  ["a constant weight matrix", { nodes: [q, matMul("q", "q")] }, { nodes: [q, matMul("q")] }],
  ["one min for the whole tensor", { nodes: one("Clip", ["q", "features"]) }, { nodes: one("Clip", ["q", "f0"]) }],
  // onnx_quant.ts
  [
    "one of ROUND",
    { nodes: [quant("x", "y", "half", "f0", "f4", { rounding_mode: "NEAR" })] },
    { nodes: [quant("x", "y", "half", "f0", "f4", { rounding_mode: "HALF_UP" })] },
  ],
  ["integer zero points", { nodes: [quant("x", "y", "half", "half")] }, { nodes: [quant("x", "y", "half", "f1")] }],
  ["1 to 16 bits, an integer", { nodes: [quant("x", "y", "half", "f0", "f17")] }, { nodes: [quant("x", "y")] }],
  [
    "BipolarQuant, or zero point 0 and scale > 0",
    { nodes: [quant("x", "y", "minus", "f0", "f1")] },
    { nodes: [node("BipolarQuant", ["x", "minus"], "y", {}, QONNX)] },
  ],
  [
    "zero points of at most 16 bits",
    { nodes: [node("QuantizeLinear", ["x", "half", "int32"], "y")] },
    { nodes: [node("QuantizeLinear", ["x", "half", "int8"], "y")] },
  ],
  [
    "a scale per channel",
    { nodes: [node("QuantizeLinear", ["x", "half"], "y", { block_size: 2n })] },
    { nodes: [node("QuantizeLinear", ["x", "features"], "y")] },
  ],
  [
    "that of FLOAT",
    { nodes: [node("QuantizeLinear", ["x", "half"], "y", { precision: BigInt(DATA_TYPE.FLOAT16) })] },
    { nodes: [node("QuantizeLinear", ["x", "half"], "y", { precision: BigInt(DATA_TYPE.FLOAT) })] },
  ],
  [
    "integers of at most 8 bits",
    { nodes: [node("QuantizeLinear", ["x", "half"], "y", { output_dtype: BigInt(DATA_TYPE.FLOAT) })] },
    { nodes: [node("QuantizeLinear", ["x", "half"], "y", { output_dtype: BigInt(DATA_TYPE.INT4) })] },
  ],
  [
    "one number, or one per channel",
    { nodes: [node("QuantizeLinear", ["x", "square"], "y")] },
    { nodes: [node("QuantizeLinear", ["x", "features"], "y")] },
  ],
  // qlinear.ts
  [
    "channels_last = 0",
    { nodes: [...globalMean({ channels_last: 1n })], shape: ["N", 2, 2, 3] },
    { nodes: [...globalMean({ channels_last: 0n })], shape: ["N", 2, 2, 3] },
  ],
  [
    "one, or one for each output channel",
    { nodes: [integers, product("features")] },
    { nodes: [integers, product("pair")] },
  ],
  [
    "one number for each output channel",
    { nodes: [integers, gemmed("one_bias")] },
    { nodes: [integers, gemmed("bias")] },
  ],
  ["fewer inputs, or a smaller bias", { nodes: [integers, gemmed("vast")] }, { nodes: [integers, gemmed("bias")] }],
  // weights.ts
  [
    "weights of at most 8 bits, whose codes minus zero point fit int8",
    { nodes: [q, quant("big", "k", "f1", "f0", "f9"), matMul("q", "k")] },
    { nodes: [q, quant("big", "k", "f1", "f0", "f4"), matMul("q", "k")] },
  ],
  [
    "one scale per tensor or per output channel",
    { nodes: [q, quant("floats", "k", "per_input"), matMul("q", "k")] },
    { nodes: [q, quant("floats", "k", "per_output"), matMul("q", "k")] },
  ],
  [
    "a Quant or BipolarQuant node between the weights and this node",
    { nodes: [q, matMul("q", "floats")] },
    { nodes: [q, quant("floats", "k"), matMul("q", "k")] },
  ],
  // onnx_fold.ts
  [
    "it on constants alone; for data a Quant node, Sign, Relu or Clip",
    { nodes: one("Round", ["q"]) },
    { nodes: one("Sign", ["q"]) },
  ],
  // supported.ts
  ["a Quant node after the input, or the option --input-quant", { nodes: [matMul("x")] }, { nodes: [q, matMul("q")] }],
  [
    "a Quant node after the input, or the option --input-quant",
    { nodes: [matMul("x")] },
    { nodes: [matMul("x")], options: { inputQuantizer: "scale=0.5,bits=8,signed" } },
  ],
  ...[
    [node("Add", ["x", "f1"], "a"), node("Div", ["a", "f2"], "b")],
    [node("Mul", ["x", "f2"], "a"), node("Sub", ["a", "features"], "b")],
    [node("Clip", ["x", "minus", "f1"], "b")],
    [node("Mul", ["x", "features"], "a"), node("Relu", ["a"], "b")],
    [node("BatchNormalization", ["x", "features", "features", "features", "features"], "b")],
    [node("Add", ["x", "f1"], "a"), node("Relu", ["a"], "c"), node("Pow", ["c", "f1"], "b")],
  ].map((before): [string, Case, Case] => [
    "the option --input-quant",
    { nodes: [...before, matMul("b")] },
    { nodes: [...before, matMul("b")], options: { inputQuantizer: "scale=0.5,zero=1,bits=4,unsigned" } },
  ]),
  [
    "a Quant node after the input, or the option --input-quant",
    { nodes: [node("Relu", ["x"], "y")] },
    { nodes: [node("Relu", ["x"], "y")], options: { inputQuantizer: "scale=0.5,bits=8,signed" } },
  ],
  [
    "a Quant or BipolarQuant node between them",
    { nodes: [q, matMul("q", "w", "a"), matMul("a", "v")] },
    { nodes: [q, matMul("q", "w", "a"), quant("a", "b"), matMul("b", "v")] },
  ],
  [
    "that node before the quantizer",
    { nodes: [q, node("Clip", ["q", "minus", "f1"], "c"), matMul("c")] },
    { nodes: [node("Clip", ["x", "minus", "f1"], "c"), quant("c", "q"), matMul("q")] },
  ],
  [
    "that node before the quantizer",
    { nodes: [q, node("Mul", ["q", "features"], "c"), matMul("c")] },
    { nodes: [node("Mul", ["x", "features"], "c"), quant("c", "q"), matMul("q")] },
  ],
  [
    "that node before the quantizer",
    { nodes: [q, node("Add", ["q", "f1"], "a"), node("Relu", ["a"], "r"), matMul("r")] },
    { nodes: [node("Relu", ["x"], "r"), quant("r", "q"), node("Add", ["q", "f1"], "a"), matMul("a")] },
  ],
  [
    "one scale for all features that a layer sums up",
    { nodes: [quant("x", "q", "features"), matMul("q")] },
    { nodes: [q, matMul("q")] },
  ],
  [
    "factors whose product is a number other than 0",
    {
      nodes: [
        q,
        ...Array.from({ length: 10 }, (_, i) => node("Mul", [i === 0 ? "q" : `m${i - 1}`, "tiny"], `m${i}`)),
        matMul("m9"),
      ],
    },
    { nodes: [q, node("Mul", ["q", "tiny"], "m"), matMul("m")] },
  ],
  [
    "softmax only before an output",
    { nodes: [q, node("Softmax", ["q"], "s"), node("Relu", ["s"], "y")] },
    { nodes: [q, node("Relu", ["q"], "r"), node("Softmax", ["r"], "y")] },
  ],
  [
    "quantizers of one scale above 0 right before it",
    { nodes: [q, matMul("q", "w", "m"), quant("m", "a"), quant("m", "b", "f1"), node("Max", ["a", "b"], "y")] },
    { nodes: [q, matMul("q", "w", "m"), quant("m", "a"), quant("m", "b"), node("Max", ["a", "b"], "y")] },
  ],
  [
    "one scale for all features that a layer sums up",
    { nodes: [quant("x", "q", "features"), node("Max", ["q", "q"], "m"), matMul("m")] },
    { nodes: [q, node("Max", ["q", "q"], "m"), matMul("m")] },
  ],
  // lower/
  ...[
    [quant("m", "a", "half", "f200", "f8"), node("Relu", ["a"], "b")],
    [quant("m", "a", "half", "f200", "f8", { signed: 0n }), quant("m", "b", "half", "f200", "f8")],
  ].map((quantizers): [string, Case, Case] => [
    "zero point 0 and at most 8 bits for both",
    { nodes: [q, matMul("q", "w", "m"), ...quantizers, node("Max", ["a", "b"], "y")] },
    {
      nodes: [
        ...[q, matMul("q", "w", "m"), quant("m", "a", "half", "f0", "f8", { signed: 0n })],
        ...[quant("m", "b", "half", "f0", "f8"), node("Max", ["a", "b"], "y")],
      ],
    },
  ]),
  ["at most 8 bits, in it", { nodes: [quant("x", "y", "half", "f0", "f9")] }, { nodes: [quant("x", "y")] }],
  [
    "in a quantizer behind it, before the layer",
    { nodes: [node("QuantizeLinear", ["x", "half", "int16"], "y")] },
    { nodes: [node("QuantizeLinear", ["x", "half", "int16"], "c"), quant("c", "y")] },
  ],
  [
    "scores as output, without argmax",
    { nodes: [q, matMul("q", "w", "m"), node("Relu", ["m"], "r"), node("ArgMax", ["r"], "y", { axis: 1n })] },
    { nodes: [q, matMul("q", "w", "m"), node("Relu", ["m"], "y")] },
  ],
  [
    "a batch of pictures, [N, C, H, W]",
    { nodes: [q, node("Conv", ["q", "kernel"], "y")], shape: ["N", 4] },
    { nodes: [q, node("Conv", ["q", "kernel"], "y")], shape: ["N", 2, 2, 2] },
  ],
  [
    "a Transpose to [N, C, H, W] before it",
    { nodes: [q, lastAxes("q", "t"), node("Conv", ["t", "kernel"], "y")], shape: ["N", 2, 2, 2] },
    { nodes: [q, lastAxes("q", "t"), firstAxes("t", "u"), node("Conv", ["u", "kernel"], "y")], shape: ["N", 2, 2, 2] },
  ],
  [
    "data alone; what a layer makes of constants is its bias",
    { nodes: [...conv, node("Concat", ["q", "kernel"], "y", { axis: 1n })], shape: ["N", 2, 2, 3] },
    { nodes: [...conv, quant("r", "s"), node("Concat", ["q", "s"], "y", { axis: 1n })], shape: ["N", 2, 2, 3] },
  ],
  [
    "the axis of channels",
    { nodes: [...conv, quant("r", "s"), node("Concat", ["q", "s"], "y", { axis: 2n })], shape: ["N", 2, 2, 3] },
    { nodes: [...conv, quant("r", "s"), node("Concat", ["q", "s"], "y", { axis: 1n })], shape: ["N", 2, 2, 3] },
  ],
  [
    "the same axes in the same order",
    {
      nodes: [
        ...[...conv, quant("r", "s"), node("Transpose", ["s"], "t", { perm: [0n, 1n, 3n, 2n] })],
        node("Concat", ["q", "t"], "y", { axis: 1n }),
      ],
      shape: ["N", 2, 2, 2],
    },
    { nodes: [...conv, quant("r", "s"), node("Concat", ["q", "s"], "y", { axis: 1n })], shape: ["N", 2, 2, 2] },
  ],
  [
    "one quantizer right behind it",
    { nodes: [...conv, node("Concat", ["q", "r"], "y", { axis: 1n })], shape: ["N", 2, 2, 3] },
    { nodes: [...conv, node("Concat", ["q", "r"], "c", { axis: 1n }), quant("c", "y")], shape: ["N", 2, 2, 3] },
  ],
  [
    "at most 7 bits for the unsigned one",
    {
      nodes: [
        ...[...conv, quant("r", "s", "half", "f0", "f8", { signed: 0n })],
        node("Concat", ["q", "s"], "y", { axis: 1n }),
      ],
      shape: ["N", 2, 2, 3],
    },
    {
      nodes: [
        ...[...conv, quant("r", "s", "half", "f0", "f4", { signed: 0n })],
        node("Concat", ["q", "s"], "y", { axis: 1n }),
      ],
      shape: ["N", 2, 2, 3],
    },
  ],
  [
    "stretch, the usual one",
    {
      nodes: [q, node("Resize", ["q", "", "", "sizes"], "y", { keep_aspect_ratio_policy: "not_larger" })],
      shape: [1, 2, 2, 2],
    },
    { nodes: [q, node("Resize", ["q", "", "", "sizes"], "y")], shape: [1, 2, 2, 2] },
  ],
  ...(
    [
      ['mode "nearest"', "twice", { mode: "linear" }],
      ["whole factors, of height and width alone", "halved", {}],
      ["elements", "huge", {}],
      ['"asymmetric" with nearest_mode "floor"', "twice", { nearest_mode: "ceil" }],
    ] as const
  ).map(([instead, scales, attributes]): [string, Case, Case] => [
    instead,
    { nodes: [q, node("Resize", ["q", "", scales], "y", attributes)], shape: ["N", 2, 2, 2] },
    {
      nodes: [
        q,
        node("Resize", ["q", "", "twice"], "y", {
          ...{ mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
        }),
      ],
      shape: ["N", 2, 2, 2],
    },
  ]),
  [
    "pads",
    { nodes: [q, node("Conv", ["q", "kernel"], "y", { auto_pad: "SAME" })], shape: ["N", 2, 2, 2] },
    { nodes: [q, node("Conv", ["q", "kernel"], "y", { pads: [0n, 0n, 0n, 0n] })], shape: ["N", 2, 2, 2] },
  ],
  [
    "a shape that keeps their axes, or one vector",
    { nodes: [...conv, node("Reshape", ["r", "merged"], "y")], shape: ["N", 2, 2, 3] },
    { nodes: [...conv, quant("r", "s"), node("Flatten", ["s"], "f"), matMul("f", "w12", "y")], shape: ["N", 2, 2, 3] },
  ],
  [
    "one vector per sample",
    { nodes: [...conv, node("Softmax", ["r"], "y", { axis: 1n })], shape: ["N", 2, 2, 3] },
    {
      nodes: [
        ...conv,
        quant("r", "s"),
        node("Flatten", ["s"], "f"),
        matMul("f", "w12", "m"),
        node("Softmax", ["m"], "y"),
      ],
      shape: ["N", 2, 2, 3],
    },
  ],
  [
    "a constant with one entry, or one per channel",
    { nodes: [...conv, node("Add", ["r", "features"], "y")], shape: ["N", 2, 2, 3] },
    { nodes: [...conv, node("Add", ["r", "f2"], "y")], shape: ["N", 2, 2, 3] },
  ],
  [
    "the picture itself, [N, C, H, W]",
    { nodes: [...conv, node("Flatten", ["r"], "y")], shape: ["N", 2, 2, 3] },
    { nodes: [...conv, node("Identity", ["r"], "y")], shape: ["N", 2, 2, 3] },
  ],
  ...(
    [
      [
        "a quantizer right before the Pad",
        [node("Conv", ["q", "kernel"], "r"), padded("r", "planes"), quant("p", "y")],
        [node("Conv", ["q", "kernel"], "r"), quant("r", "s"), padded("s", "planes"), quant("p", "y")],
      ],
      [
        "a quantizer of one scale with a code for 0",
        [
          node("Conv", ["q", "kernel"], "r"),
          node("BipolarQuant", ["r", "half"], "s", {}, QONNX),
          padded("s", "planes"),
          quant("p", "y"),
        ],
        [node("Conv", ["q", "kernel"], "r"), quant("r", "s"), padded("s", "planes"), quant("p", "y")],
      ],
      [
        "a Pad right before the Conv",
        [padded("q"), node("BipolarQuant", ["p", "half"], "e", {}, QONNX), convolved("e")],
        [padded("q"), convolved("p")],
      ],
      [
        "a Pad with zeros",
        [padded("q", "lines", "half"), convolved("p")],
        [padded("q", "lines", "f0"), convolved("p")],
      ],
      [
        "a Pad with zeros",
        [node("Pad", ["q", "lines"], "p", { mode: "edge" }), convolved("p")],
        [padded("q"), convolved("p")],
      ],
      ["two for each axis", [padded("q", "i1"), convolved("p")], [padded("q"), convolved("p")]],
      ["whole numbers from 0 to 65535", [padded("q", "cut"), convolved("p")], [padded("q"), convolved("p")]],
      ["padding of positions or channels", [padded("q", "samples"), convolved("p")], [padded("q"), convolved("p")]],
      [
        "a Relu or an unsigned quantizer before the Pad",
        [padded("q"), pooled("p"), convolved("m")],
        [node("Relu", ["q"], "r"), padded("r"), pooled("p"), convolved("m")],
      ],
      ["every so many lines or positions", [sliced("i1"), convolved("s")], [sliced("i0", "i2"), convolved("s")]],
      [
        "a start, an end and a step other than 0",
        [sliced("i0", "i0"), convolved("s")],
        [sliced("i0", "i2"), convolved("s")],
      ],
      [
        "at most 8 sizes that are known",
        [node("ConstantOfShape", ["many"], "c"), padded("q", "c"), convolved("p")],
        [node("ConstantOfShape", ["i8"], "c"), padded("q", "c"), convolved("p")],
      ],
    ] satisfies [string, Draft<NodeProto>[], Draft<NodeProto>[]][]
  ).map(([instead, refused, followed]): [string, Case, Case] => {
    return [
      instead,
      { nodes: [q, ...refused], shape: ["N", 2, 4, 4] },
      { nodes: [q, ...followed], shape: ["N", 2, 4, 4] },
    ];
  }),
  ...(
    [
      ["zero point 0", ["f1", "f1", "f8", "f4"], ["f1", "f0", "f8", "f4"]],
      ["1 to 16 bits", ["f1", "f0", "f8", "f17"], ["f1", "f0", "f8", "f4"]],
      ["one scale above 0", ["minus", "f0", "f8", "f4"], ["f1", "f0", "f8", "f4"]],
    ] satisfies [string, string[], string[]][]
  ).map(([instead, refused, followed]): [string, Case, Case] => {
    const trunc = (operands: string[]) => node("Trunc", ["q", ...operands], "t", {}, QONNX);
    return [instead, { nodes: [q, trunc(refused), quant("t", "y")] }, { nodes: [q, trunc(followed), quant("t", "y")] }];
  }),
  ...(
    [
      ["an out_scale other than 0", "w", { out_scale: 0 }],
      ["NCHW or NHWC", "w", { data_layout: "CN" }],
      ["thresholds for each channel, or one row of them for all", "square", {}],
      ["the file from before FINN made hardware layers of its nodes", "w", {}, "finn.custom_op.fpgadataflow"],
    ] satisfies [string, string, Attributes, string?][]
  ).map(([instead, thresholds, attributes, domain = QONNX]): [string, Case, Case] => {
    const of = (...operands: [string, Attributes, string]) =>
      node("MultiThreshold", ["x", operands[0]], "y", operands[1], operands[2]);
    return [instead, { nodes: [of(thresholds, attributes, domain)] }, { nodes: [of("w", {}, QONNX)] }];
  }),
  [
    "only constants, shapes and pictures are cut",
    { nodes: [q, node("Slice", ["q", "i0", "i2", "i1"], "y")] },
    { nodes: [q, node("Slice", ["w", "i0", "i2", "i1"], "s"), matMul("q", "s")] },
  ],
  [
    "as from an 8- or 16-bit input",
    { nodes: [node("Pow", ["x", "f2"], "p"), quant("p", "y")] },
    { nodes: [node("Pow", ["x", "f2"], "p"), quant("p", "y")], options: { input: { dtype: "u8" } } },
  ],
];

describe("advice", () => {
  const seen: string[] = [];

  it.each(CASES)("%s", async (instead, refused, followed) => {
    const error = await convert(bytes(refused), refused.options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedError);
    const { reasons } = error as UnsupportedError;
    seen.push(...reasons.map((reason) => reason.instead));
    expect(reasons.map((reason) => reason.instead).join("\n")).toContain(instead);
    await convert(bytes(followed), followed.options);
  });

  afterAll(() => {
    // those of TFLite and of encoders are followed beside their readers; those of Keras ask for another network, which Keras makes
    const missing = refusalsIn((name) => !/^(tflite|keras|onnx.region)/.test(name)).filter(
      (pattern) => !seen.some((instead) => pattern.test(instead)),
    );
    expect(missing.map(String)).toEqual([]);
  });
});
