import { CheckpointError } from "../../base/errors.ts";
import { roundHalfEven } from "../../numbers/round.ts";
import { Refusal } from "../refusal.ts";
import { broadcastDims, broadcastTo, elements, transpose } from "../tensor.ts";
import { axisOf, type Call, type Constant, integers, operand, shapeText, type Value } from "./call.ts";

/** ONNX node types that compute constants, as quantizers of weights do that are made of plain ops; data do not pass them. */
export const FOLDED: Record<string, (call: Call) => Value> = {
  Abs: (call) => foldUnary(call, Math.abs),
  Round: (call) => foldUnary(call, roundHalfEven),
  Floor: (call) => foldUnary(call, Math.floor),
  Ceil: (call) => foldUnary(call, Math.ceil),
  Exp: (call) => foldUnary(call, Math.exp),
  Log: (call) => foldUnary(call, Math.log),
  Not: (call) => foldUnary(call, (x) => truth(x === 0)),

  Equal: (call) => foldBinary(call, (a, b) => truth(a === b)),
  Greater: (call) => foldBinary(call, (a, b) => truth(a > b)),
  GreaterOrEqual: (call) => foldBinary(call, (a, b) => truth(a >= b)),
  Less: (call) => foldBinary(call, (a, b) => truth(a < b)),
  LessOrEqual: (call) => foldBinary(call, (a, b) => truth(a <= b)),
  And: (call) => foldBinary(call, (a, b) => truth(a !== 0 && b !== 0)),
  Or: (call) => foldBinary(call, (a, b) => truth(a !== 0 || b !== 0)),
  Xor: (call) => foldBinary(call, (a, b) => truth((a !== 0) !== (b !== 0))),
  Where: where,
  // of the divisor's sign, or of the dividend's
  Mod: (call) => foldBinary(call, call.attributes.int("fmod") ? (a, b) => a % b : (a, b) => a - b * Math.floor(a / b)),

  ReduceMean: (call) => reduce(call, (list) => sum(list) / list.length),
  ReduceSum: (call) => reduce(call, sum),
  ReduceMax: (call) => reduce(call, (list) => list.reduce((a, b) => Math.max(a, b))),
  ReduceMin: (call) => reduce(call, (list) => list.reduce((a, b) => Math.min(a, b))),
  ReduceL1: (call) => reduce(call, (list) => sum(list.map(Math.abs))),
  ReduceL2: (call) => reduce(call, (list) => Math.sqrt(sum(list.map((x) => x * x)))),
};

function truth(condition: boolean): number {
  return condition ? 1 : 0;
}

function sum(list: Float64Array): number {
  return list.reduce((a, b) => a + b, 0);
}

export function foldUnary(call: Call, f: (x: number) => number): Constant {
  const x = known(call, 0);
  call.sink.spend(x.data.length);
  return folded(x, x.dims, x.data.map(f), x.integer);
}

function foldBinary(call: Call, f: (a: number, b: number) => number): Constant {
  const { dims, data, first } = broadcast(call, 2);
  return folded(
    first,
    dims,
    data[0]!.map((a, i) => f(a, data[1]![i]!)),
    true,
  );
}

/** X where the condition holds, Y elsewhere. */
function where(call: Call): Constant {
  const { dims, data, operands } = broadcast(call, 3);
  const [condition, x, y] = data as [Float64Array, Float64Array, Float64Array];
  const integer = operands.slice(1).every((each) => each.integer);
  return folded(
    operands[1]!,
    dims,
    condition.map((c, i) => (c !== 0 ? x[i]! : y[i]!)),
    integer,
  );
}

/** Over `axes` (an attribute, an input in new operator sets), or over all. */
function reduce(call: Call, f: (list: Float64Array) => number): Constant {
  const x = known(call, 0);
  const given = integers(call, "axes", 1)?.map((axis) => axisOf(call, axis, x.dims.length));
  const every = x.dims.map((_, axis) => axis);
  if (!given?.length && call.attributes.int("noop_with_empty_axes")) return x;
  const axes = given?.length ? given : every;
  const kept = every.filter((axis) => !axes.includes(axis));
  const size = elements(axes.map((axis) => x.dims[axis]!));
  if (size === 0) throw new CheckpointError(`${call.opType} "${call.name}": nothing to reduce in ${shapeText(x.dims)}`);
  call.sink.spend(2 * x.data.length);
  const { data } = transpose(x, [...kept, ...every.filter((axis) => axes.includes(axis))]);
  const result = Float64Array.from({ length: data.length / size }, (_, i) =>
    f(data.subarray(i * size, (i + 1) * size)),
  );
  const dims =
    (call.attributes.int("keepdims") ?? 1)
      ? x.dims.map((n, axis) => (axes.includes(axis) ? 1 : n))
      : kept.map((axis) => x.dims[axis]!);
  return folded(x, dims, result, x.integer);
}

/** Operands repeated to the shape that they have together. */
function broadcast(
  call: Call,
  count: number,
): { dims: number[]; data: Float64Array[]; operands: Constant[]; first: Constant } {
  const operands = Array.from({ length: count }, (_, i) => known(call, i));
  const dims = operands.reduce<number[] | undefined>((joint, x) => joint && broadcastDims(joint, x.dims), []);
  if (!dims) {
    const shapes = operands.map((x) => shapeText(x.dims)).join(", ");
    throw new CheckpointError(`${call.opType} "${call.name}": shapes ${shapes}`);
  }
  call.sink.spend((count + 1) * elements(dims));
  return { dims, data: operands.map((x) => broadcastTo(x, dims)), operands, first: operands[0]! };
}

/** An operand that is no data. */
function known(call: Call, index: number): Constant {
  const value = operand(call, index);
  if (value.kind === "constant") return value;
  throw new Refusal("it is applied to data", "it on constants alone; for data a Quant node, Sign, Relu or Clip");
}

function folded({ name }: Constant, dims: number[], data: Float64Array, integer: boolean): Constant {
  return { kind: "constant", name, dims, data, integer };
}
