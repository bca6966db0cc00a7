import { CheckpointError } from "../../base/errors.ts";
import type { Quantizer } from "../../numbers/quantizer.ts";
import type { Step } from "../../numbers/step.ts";
import { Refusal } from "../refusal.ts";
import { elements } from "../tensor.ts";
import { arithmetic, extremum, negate } from "./arithmetic.ts";
import {
  axisOf,
  type Call,
  type Constant,
  channelsOf,
  constantOperand,
  type Data,
  dataOperand,
  hasBatch,
  operand,
  requireFinite,
  scalar,
  shapeText,
  type Value,
} from "./call.ts";
import { conv } from "./conv.ts";
import { gemm, matMul } from "./dense.ts";
import { apply, constant, emit, spread, vector } from "./emit.ts";
import { FOLDED, foldUnary } from "./fold.ts";
import { dequantizeLinear, picked, quantizeLinear } from "./linear.ts";
import { multiThreshold } from "./multithreshold.ts";
import { pad } from "./pad.ts";
import { concatOp, constantOfShape, constantOp, gather, shapeOp, slice } from "./parts.ts";
import { averagePool, globalAveragePool, globalMaxPool, maxPool, reduceMax, reduceMean } from "./pool.ts";
import { DATA_TYPE } from "./proto.ts";
import {
  convInteger,
  matMulInteger,
  qGemm,
  qLinearAdd,
  qLinearAveragePool,
  qLinearConcat,
  qLinearConv,
  qLinearGlobalAveragePool,
  qLinearMatMul,
} from "./qlinear.ts";
import { bipolarQuantizer, intQuantizer, quantizeConstant, SIGN } from "./quant.ts";
import { resize } from "./resize.ts";
import { flatten, reshape, squeeze, transposeOp, unsqueeze } from "./shapes.ts";
import { trunc } from "./trunc.ts";

/**
 * ONNX node types. Each takes a node whose operands are known, adds graph nodes for what it does to data and gives the
 * value of its output; on constants it computes. Meanings: https://onnx.ai/onnx/operators/ and, for the quantizers,
 * https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops.
 */
export const OPS: Record<string, (call: Call) => Value> = {
  Quant: (call) => quant(call, intQuantizer),
  IntQuant: (call) => quant(call, intQuantizer),
  BipolarQuant: (call) => quant(call, bipolarQuantizer),
  Trunc: trunc,
  MultiThreshold: multiThreshold,
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  Sign: sign,

  MatMul: matMul,
  Gemm: gemm,
  Conv: conv,
  QLinearMatMul: qLinearMatMul,
  QLinearConv: qLinearConv,
  MatMulInteger: matMulInteger,
  ConvInteger: convInteger,

  MaxPool: picked(maxPool),
  AveragePool: averagePool,
  GlobalMaxPool: picked(globalMaxPool),
  GlobalAveragePool: globalAveragePool,

  Add: (call) => arithmetic(call, "add", "add"),
  Sub: (call) => arithmetic(call, "sub", "rsub"),
  Mul: (call) => arithmetic(call, "mul", "mul"),
  Div: (call) => arithmetic(call, "div", "rdiv"),
  Pow: (call) => arithmetic(call, "pow", undefined),
  Min: (call) => extremum(call, "min"),
  Max: (call) => extremum(call, "max"),
  Neg: negate,
  Sqrt: (call) => apply(call, operand(call, 0), [{ kind: "pow", by: vector(0.5) }]),
  Reciprocal: (call) => apply(call, operand(call, 0), [{ kind: "rdiv", by: vector(1) }]),
  Relu: (call) => apply(call, operand(call, 0), [{ kind: "relu" }]),
  ...FOLDED,
  ReduceMean: reduceMean,
  ReduceMax: picked(reduceMax),
  Clip: clip,
  HardTanh: hardTanh,
  BatchNormalization: batchNormalization,

  Resize: picked(resize),
  Upsample: picked(resize),

  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transposeOp,

  Constant: constantOp,
  Shape: shapeOp,
  ConstantOfShape: constantOfShape,
  Gather: gather,
  Slice: picked(slice),
  Pad: pad,
  Concat: concatOp,

  Identity: (call) => operand(call, 0),
  Dropout: dropout,
  Cast: cast,

  Softmax: softmax,
  ArgMax: argMax,
};

/** Operators of onnxruntime, domain "com.microsoft": https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. */
export const MICROSOFT: Record<string, (call: Call) => Value> = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  QGemm: qGemm,
  QLinearAdd: qLinearAdd,
  QLinearAveragePool: qLinearAveragePool,
  QLinearGlobalAveragePool: qLinearGlobalAveragePool,
  QLinearConcat: qLinearConcat,
};

// Quantizers

function quant(call: Call, read: (call: Call, toVector: (c: Constant) => Float64Array) => Quantizer): Value {
  const x = operand(call, 0);
  const quantizer = read(call, (constant) => spread(call, constant, x));
  if (x.kind === "data") return emit(call, x, [{ op: "quantize", quantizer }]);
  requireFinite(call, x);
  call.sink.spend(3 * x.data.length);
  return quantizeConstant(x, quantizer);
}

function sign(call: Call): Value {
  const x = operand(call, 0);
  return x.kind === "data" ? emit(call, x, [{ op: "quantize", quantizer: SIGN }]) : foldUnary(call, Math.sign);
}

// Per-element functions

/** Bounds are attributes before operator set 11, inputs since; each may be absent. */
function clip(call: Call): Value {
  const x = operand(call, 0);
  const bound = (name: string, index: number): number | undefined =>
    call.inputs[index] ? scalar(call, constantOperand(call, index, name), name) : call.attributes.float(name);
  return apply(call, x, bounds(bound("min", 1), bound("max", 2)));
}

function hardTanh(call: Call): Value {
  const { attributes } = call;
  return apply(call, operand(call, 0), bounds(attributes.float("min_val") ?? -1, attributes.float("max_val") ?? 1));
}

function bounds(min: number | undefined, max: number | undefined): Step[] {
  const steps: Step[] = [];
  if (min !== undefined) steps.push({ kind: "max", by: vector(min) });
  if (max !== undefined) steps.push({ kind: "min", by: vector(max) });
  return steps;
}

/** Attribute `epsilon` is an f32; so is its default. */
const DEFAULT_EPSILON = Math.fround(1e-5);

function batchNormalization(call: Call): Value {
  const x = dataOperand(call, 0);
  if (
    call.attributes.int("training_mode") ||
    call.attributes.int("is_test") === 0 ||
    call.attributes.int("spatial") === 0
  ) {
    throw new Refusal("it is in training mode, or not per channel", "a model exported for inference");
  }
  if (!hasBatch(x.dims) || x.dims.length < 2) {
    throw new Refusal(`its input has shape ${shapeText(x.dims)}`, "a batch axis, then the channels");
  }
  const trailing = new Array<number>(x.dims.length - 2).fill(1);
  const parameter = (index: number, what: string): Float64Array => {
    const constant = constantOperand(call, index, what);
    return spread(call, { ...constant, dims: [...constant.dims, ...trailing] }, x); // (C, 1, …): channels are axis 1
  };
  const step: Step = {
    kind: "batchnorm",
    gamma: parameter(1, "scale"),
    beta: parameter(2, "bias"),
    mean: parameter(3, "mean"),
    variance: parameter(4, "variance"),
    epsilon: call.attributes.float("epsilon") ?? DEFAULT_EPSILON,
  };
  const bad = step.variance.findIndex((v) => !(v + step.epsilon > 0));
  if (bad >= 0) {
    throw new CheckpointError(
      `BatchNormalization "${call.name}": variance ${step.variance[bad]} + epsilon ${step.epsilon} at channel ${bad}, expected > 0`,
    );
  }
  return apply(call, x, [step]);
}

// Nodes without effect on data

function dropout(call: Call): Value {
  const training = call.inputs[2] && scalar(call, constantOperand(call, 2, "training mode"), "training mode");
  if (training) throw new Refusal("it is in training mode", "a model exported for inference");
  return operand(call, 0);
}

const FLOAT_TYPES: readonly number[] = [DATA_TYPE.FLOAT, DATA_TYPE.DOUBLE];
const INTEGER_TYPES: readonly number[] = [DATA_TYPE.INT32, DATA_TYPE.INT64];

function cast(call: Call): Value {
  const x = operand(call, 0);
  const to = call.attributes.int("to") ?? 0;
  if (FLOAT_TYPES.includes(to)) return { ...x, integer: false };
  if (x.kind === "constant" && INTEGER_TYPES.includes(to)) {
    return constant(x.name, x.dims, x.data.map(Math.trunc), true);
  }
  if (x.kind === "data" && x.integer && INTEGER_TYPES.includes(to)) return x; // inputs of 64 bits are read as 32
  throw new Refusal(`it casts to type ${to}`, "float32 data, quantized by Quant nodes");
}

// Ends

function softmax(call: Call): Value {
  const x = dataOperand(call, 0);
  const axis = axisOf(call, call.attributes.int("axis") ?? (call.opset < 13 ? 1 : -1), x.dims.length);
  // Before operator set 13 it covers all axes from `axis` on, since then only that one.
  const covered = call.opset < 13 ? elements(x.dims.slice(axis)) : x.dims[axis];
  refusePicture(x);
  if (covered !== channelsOf(x)) throw new Refusal(`its axis ${axis} is not the whole row`, "the axis of the features");
  return emit(call, x, [{ op: "softmax" }]);
}

/** Ends are of vectors. */
function refusePicture({ dims, picture }: Data): void {
  if (picture) throw new Refusal(`its input is a picture, ${shapeText(dims)}`, "one vector per sample");
}

function argMax(call: Call): Value {
  const x = dataOperand(call, 0);
  const axis = axisOf(call, call.attributes.int("axis") ?? 0, x.dims.length);
  refusePicture(x);
  if (x.dims[axis] !== channelsOf(x))
    throw new Refusal(`its axis ${axis} is not the whole row`, "the axis of the features");
  if (call.attributes.int("select_last_index")) {
    throw new Refusal("it picks the last of equal values", "select_last_index = 0");
  }
  const dims = (call.attributes.int("keepdims") ?? 1) ? x.dims.with(axis, 1) : x.dims.toSpliced(axis, 1);
  const before = call.sink.makers.get(x.value);
  if (before?.op !== "softmax" || before.quantizer) return emit(call, x, [{ op: "argmax" }], dims);
  call.sink.notes.push(`ArgMax "${call.name}" reads what Softmax "${before.name}" reads: softmax keeps the order`);
  return emit(call, { ...x, value: before.inputs[0]! }, [{ op: "argmax" }], dims);
}
