import { CheckpointError } from "../../base/errors.ts";
import { at, type IntQuantizer } from "../../numbers/quantizer.ts";
import { Refusal } from "../refusal.ts";
import { elements } from "../tensor.ts";
import { arithmetic } from "./arithmetic.ts";
import {
  type Call,
  type Constant,
  constantOperand,
  type Data,
  dataOperand,
  type IntegerType,
  operand,
  requireFinite,
  scalar,
  shapeText,
  type Value,
} from "./call.ts";
import { conv } from "./conv.ts";
import { gemm, matMul } from "./dense.ts";
import { vector } from "./emit.ts";
import { quantizedTo, realOf } from "./linear.ts";
import { concatOp } from "./parts.ts";
import { averagePool, globalAveragePool } from "./pool.ts";
import { dequantizeConstant, linearCodes, quantizerTo } from "./quant.ts";

/**
 * Operators of integers, as onnxruntime's quantizer writes them in its format QOperator (https://onnx.ai/onnx/operators/onnx__QLinearConv.html and
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md). Each means DequantizeLinear of its operands, the operator of real numbers,
 * and QuantizeLinear of its result: exact sums of integers, times x scale · w scale / y scale, rounded half to even.
 */

/** (x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B) */
export function qLinearConv(call: Call): Value {
  const x = operandAt(call, 0);
  const weights = weightsAt(call, 3, 4, 5, 0);
  const inputs = [x.real, weights.real, biasAt(call, 8, x.scale, weights)];
  return quantizedTo(call, conv(callOf(call, "sums", inputs)) as Data, targetAt(call, 6));
}

/** (a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point) */
export function qLinearMatMul(call: Call): Value {
  const inputs = [operandAt(call, 0).real, weightsAt(call, 3, 4, 5, -1).real];
  return quantizedTo(call, matMul(callOf(call, "sums", inputs)) as Data, targetAt(call, 6));
}

/** (A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale, y_zero_point): alpha · (A · B + C); real numbers, where no scale of the result is given. */
export function qGemm(call: Call): Value {
  const x = operandAt(call, 0);
  const weights = weightsAt(call, 3, 4, 5, call.attributes.int("transB") ? 0 : -1);
  const bias = biasAt(call, 6, (call.attributes.float("alpha") ?? 1) * x.scale, weights); // beta is 1
  const inputs = [x.real, weights.real, bias];
  if (!call.inputs[7]) return gemm({ ...call, inputs });
  return quantizedTo(call, gemm(callOf(call, "sums", inputs)) as Data, targetAt(call, 7));
}

/** (x, w, x_zero_point, w_zero_point): sums of int32. */
export function convInteger(call: Call): Value {
  const inputs = [codesAt(call, 0, 2), weightsAt(call, 1, undefined, 3, 0).real];
  return { ...(conv({ ...call, inputs }) as Data), integer: true };
}

/** (A, B, a_zero_point, b_zero_point): sums of int32. */
export function matMulInteger(call: Call): Value {
  const inputs = [codesAt(call, 0, 2), weightsAt(call, 1, undefined, 3, -1).real];
  return { ...(matMul({ ...call, inputs }) as Data), integer: true };
}

/** (A, A_scale, A_zero_point, B, B_scale, B_zero_point, C_scale, C_zero_point), of data and constants. */
export function qLinearAdd(call: Call): Value {
  const inputs = [0, 3].map((index) => {
    const x = operand(call, index);
    if (x.kind === "data") return operandAt(call, index).real;
    const { scale, zero } = quantizationAt(call, index + 1, index + 2);
    requireFinite(call, x);
    call.sink.spend(3 * x.data.length);
    return dequantizeConstant(x, vector(scale), vector(zero));
  });
  const sum = arithmetic(callOf(call, "sum", inputs), "add", "add");
  const target = targetAt(call, 6);
  if (sum.kind !== "constant") return quantizedTo(call, sum as Data, target);
  call.sink.spend(5 * sum.data.length);
  return linearCodes(sum, target);
}

/** (X, x_scale, x_zero_point, y_scale, y_zero_point): onnxruntime adds the zero point before it rounds, which tells at ties. */
export function qLinearAveragePool(call: Call): Value {
  const { roundsFirst: _, ...target } = targetAt(call, 3);
  return quantizedTo(call, meanOf(call, averagePool), target);
}

/** The same over all positions, where it adds the zero point to the rounded number, as everywhere else. */
export function qLinearGlobalAveragePool(call: Call): Value {
  return quantizedTo(call, meanOf(call, globalAveragePool), targetAt(call, 3));
}

function meanOf(call: Call, pool: (call: Call) => Value): Data {
  if (call.attributes.int("channels_last")) throw new Refusal("channels_last is set", "channels_last = 0");
  return pool(callOf(call, "mean", [operandAt(call, 0).real])) as Data;
}

/** (Y_scale, Y_zero_point, then a tensor, its scale and its zero point each) */
export function qLinearConcat(call: Call): Value {
  const target: IntQuantizer = { ...targetAt(call, 0), single: true }; // of single numbers in f32
  const parts = Array.from({ length: Math.floor((call.inputs.length - 2) / 3) }, (_, i) =>
    quantizedTo(callOf(call, "part", []), operandAt(call, 2 + 3 * i).real, target),
  );
  return concatOp({ ...call, inputs: parts });
}

/** An op on the way, whose result has a name of its own. */
function callOf(call: Call, what: string, inputs: (Value | undefined)[]): Call {
  return { ...call, inputs, output: call.sink.fresh(`${call.output}_${what}`) };
}

/** A scale above 0 and a zero point, one for all of a tensor; of zero point 0 where none is given. */
function quantizationAt(
  call: Call,
  scaleIndex: number,
  zeroIndex: number,
): { scale: number; zero: number; stored: IntegerType | undefined } {
  const scale = scalar(call, constantOperand(call, scaleIndex, "scale"), "scale");
  if (!(scale > 0)) throw new CheckpointError(`${call.opType} "${call.name}": scale ${scale}, expected one above 0`);
  return { scale, ...zeroAt(call, zeroIndex) };
}

function zeroAt(call: Call, index: number): { zero: number; stored: IntegerType | undefined } {
  if (!call.inputs[index]) return { zero: 0, stored: undefined };
  const constant = constantOperand(call, index, "zero point");
  return { zero: scalar(call, constant, "zero point"), stored: typeOf(call, constant) };
}

/** The type of integers of 8 bits at most. */
function typeOf(call: Call, { name, stored }: Constant): IntegerType {
  if (stored && stored.bits <= 8) return stored;
  const found = stored ? `of ${stored.bits} bits` : "no integers of a type";
  throw new CheckpointError(
    `${call.opType} "${call.name}": "${name}" is ${found}, expected integers of at most 8 bits`,
  );
}

/** A data operand, behind which its scale and its zero point stand: as real numbers. */
function operandAt(call: Call, index: number): { real: Data; scale: number } {
  const { scale, zero } = quantizationAt(call, index + 1, index + 2);
  const quantization = { scale: vector(scale), zero: vector(zero) };
  return { real: realOf(callOf(call, "real", []), dataOperand(call, index), quantization), scale };
}

/** A data operand as differences from its zero point. */
function codesAt(call: Call, index: number, zeroIndex: number): Data {
  const { zero } = zeroAt(call, zeroIndex);
  const x = dataOperand(call, index);
  const { quantized, integer: _, ...codes } = x;
  if (quantized?.zero.length === 1 && quantized.zero[0] === zero) return codes;
  return realOf(callOf(call, "codes", []), x, { scale: vector(1), zero: vector(zero) });
}

/** The quantizer of a result, whose scale stands at an index and its zero point behind. */
function targetAt(call: Call, index: number): IntQuantizer {
  const { scale, zero, stored = { bits: 8, signed: false } } = quantizationAt(call, index, index + 1);
  return quantizerTo(stored, vector(scale), vector(zero));
}

interface LinearWeights {
  real: Constant;
  /** One, or one for each output channel. */
  scale: Float64Array;
  /** What the sum of an output channel stays below in magnitude, whatever integers of 8 bits it sums. */
  bounds: Float64Array;
}

/** The greatest difference of an integer of 8 bits from a zero point. */
const MAX_CODE = 255;

/** Constant weights, whose scale and zero point are one, or one for each output channel; `axis` is that of those. */
function weightsAt(
  call: Call,
  index: number,
  scaleIndex: number | undefined,
  zeroIndex: number,
  axis: number,
): LinearWeights {
  const constant = constantOperand(call, index, "weights");
  typeOf(call, constant);
  const { dims, data } = constant;
  const counted = axis < 0 ? Math.max(axis + dims.length, 0) : axis;
  const outputs = dims[counted] ?? 1;
  const list = (at: number, what: string): Constant => {
    const found = constantOperand(call, at, what);
    requireFinite(call, found);
    if (found.data.length === 1 || found.data.length === outputs) return found;
    throw new Refusal(`its ${what} has shape ${shapeText(found.dims)}`, "one, or one for each output channel");
  };
  const scale = scaleIndex === undefined ? vector(1) : list(scaleIndex, "scale of weights").data;
  const bad = scale.find((s) => !(s > 0));
  if (bad !== undefined) {
    throw new CheckpointError(`${call.opType} "${call.name}": scale ${bad} of weights, expected one above 0`);
  }
  const zero = call.inputs[zeroIndex] ? list(zeroIndex, "zero point of weights") : undefined;
  if (zero) typeOf(call, zero);
  call.sink.spend(5 * data.length);
  const inner = elements(dims.slice(counted + 1));
  const channelOf = (i: number) => Math.floor(i / inner) % outputs;
  const each = (list: Float64Array) => (list.length === 1 ? list : data.map((_, i) => list[channelOf(i)]!));
  const real = dequantizeConstant(constant, each(scale), each(zero?.data ?? vector(0)));
  const bounds = new Float64Array(outputs);
  for (const [i, code] of real.grid!.codes.entries()) bounds[channelOf(i)]! += MAX_CODE * Math.abs(code);
  return { real, scale, bounds };
}

/** The int32 constants that are added to sums of integers, as the real numbers they are, one for each output channel. */
function biasAt(call: Call, index: number, scale: number, weights: LinearWeights): Constant | undefined {
  if (!call.inputs[index]) return undefined;
  const bias = constantOperand(call, index, "bias");
  const { bounds } = weights;
  if (bias.stored?.bits !== 32) {
    throw new CheckpointError(`${call.opType} "${call.name}": bias "${bias.name}" is not of int32`);
  }
  if (bias.data.length !== bounds.length) {
    throw new Refusal(`its bias has shape ${shapeText(bias.dims)}`, "one number for each output channel");
  }
  const wide = bounds.findIndex((bound, c) => !(bound + Math.abs(at(bias.data, c)) < 2 ** 31));
  if (wide >= 0) {
    const why = `sums and the bias of channel ${wide} may leave 32 bits, where they wrap around`;
    throw new Refusal(why, "fewer inputs, or a smaller bias");
  }
  const data = bias.data.map((b, c) => b * (scale * at(weights.scale, c)));
  const { kind, name, dims } = bias;
  return { kind, name, dims, data, integer: false };
}
