import { CheckpointError } from "../../base/errors.ts";
import type { Node } from "../../graph/graph.ts";
import { Refusal } from "../refusal.ts";
import { concat, elements, take } from "../tensor.ts";
import {
  axisOf,
  type Call,
  type Constant,
  channelsOf,
  type Data,
  hasBatch,
  integers,
  MAX_AXES,
  operand,
  shapeText,
  type Value,
} from "./call.ts";
import { constant, vector } from "./emit.ts";
import { integersOf, sameQuantization } from "./linear.ts";
import { everyNth } from "./pool.ts";
import { readConstant, readTensor } from "./tensor.ts";

// Constants and shapes, which are folded; and parts of data, picked or joined.

export function constantOp(call: Call): Value {
  const { attributes, output: name } = call;
  const tensor = attributes.tensor("value");
  if (tensor) return readConstant(tensor, name, call.sink);
  const one = attributes.float("value_float") ?? attributes.int("value_int");
  const many = attributes.floats("value_floats") ?? attributes.ints("value_ints") ?? (one === undefined ? [] : [one]);
  const integer = attributes.int("value_int") !== undefined || attributes.ints("value_ints") !== undefined;
  if (many.length === 0) throw new Refusal("its value is sparse, text or absent", "a tensor or numbers");
  return constant(name, one === undefined ? [many.length] : [], Float64Array.from(many), integer);
}

export function shapeOp(call: Call): Value {
  const { dims } = operand(call, 0);
  const { attributes, output } = call;
  const part = dims.slice(attributes.int("start") ?? 0, attributes.int("end") ?? dims.length);
  return constant(output, [part.length], Float64Array.from(part), true);
}

/** As many equal elements as a shape has; a float 0 if the attribute is left out. */
export function constantOfShape(call: Call): Value {
  const dims = sizesOf(foldable(call, 0));
  const tensor = call.attributes.tensor("value");
  const { data, integer } = tensor ? readTensor(tensor, call.output) : { data: vector(0), integer: false };
  call.sink.spend(elements(dims));
  return constant(call.output, dims, new Float64Array(elements(dims)).fill(data[0]!), integer);
}

/** Sizes of axes. */
function sizesOf({ data }: Constant): number[] {
  if (data.length <= MAX_AXES && data.every((size) => Number.isInteger(size) && size >= 0)) return [...data];
  throw new Refusal(`sizes ${shapeText([...data].slice(0, MAX_AXES))}`, `at most ${MAX_AXES} sizes that are known`);
}

export function gather(call: Call): Value {
  const x = foldable(call, 0);
  const indices = foldable(call, 1);
  const axis = axisOf(call, call.attributes.int("axis") ?? 0, x.dims.length);
  const picked = [...indices.data].map((index) => axisOf(call, index, x.dims[axis]!));
  const dims = x.dims.toSpliced(axis, 1, ...indices.dims);
  call.sink.spend(elements(dims));
  return constant(x.name, dims, take(x, axis, picked).data, x.integer);
}

/** Starts, ends, axes and steps are attributes before operator set 10 (without steps), inputs since. */
export function slice(call: Call): Value {
  const x = operand(call, 0);
  const starts = integers(call, "starts", 1) ?? [];
  const ends = integers(call, "ends", 2) ?? [];
  const given = integers(call, "axes", 3) ?? starts.map((_, i) => i);
  const steps = integers(call, "steps", 4) ?? starts.map(() => 1);
  const lengths = [ends, given, steps].map(({ length }) => length);
  if (lengths.some((length) => length !== starts.length) || steps.includes(0)) {
    throw new Refusal("its bounds do not match", "a start, an end and a step other than 0 per axis");
  }
  const axes = given.map((axis) => axisOf(call, axis, x.dims.length));
  const kept = axes.map((axis, i) => sliced(x.dims[axis]!, starts[i]!, ends[i]!, steps[i]!));
  if (x.kind === "data") return everyNth(call, x, axes, kept);
  if (x.data.length === 0) throw new Refusal("it cuts an empty tensor", "the result, stored in the file");
  call.sink.spend(x.data.length * axes.length);
  return axes.reduce((cut, axis, i) => {
    const { dims, data } = take(cut, axis, kept[i]!);
    return constant(cut.name, dims, data, cut.integer);
  }, x);
}

/** Indices from `start` to before `end`, in steps; both count from the end where negative, and are brought inside. */
function sliced(size: number, start: number, end: number, step: number): number[] {
  const inside = (at: number, least: number, most: number) => Math.min(Math.max(at < 0 ? at + size : at, least), most);
  const [first, last] =
    step > 0
      ? [inside(start, 0, size), inside(end, 0, size)]
      : [inside(start, -1, size - 1), inside(end, -1, size - 1)];
  return Array.from({ length: Math.max(0, Math.ceil((last - first) / step)) }, (_, i) => first + i * step);
}

/** Of constants; of data along their channels. */
export function concatOp(call: Call): Value {
  const operands = call.inputs.map((_, i) => operand(call, i));
  const first = operands[0];
  if (!first) throw new CheckpointError(`Concat "${call.name}": no inputs`);
  const axis = axisOf(call, call.attributes.int("axis") ?? 0, first.dims.length);
  const joins = ({ dims }: Data | Constant): boolean =>
    dims.length === first.dims.length && dims.every((size, i) => i === axis || Object.is(size, first.dims[i]));
  const data = operands.filter((each) => each.kind === "data");
  const parts = operands.filter((each) => each.kind === "constant");
  if (data.length > 0 && parts.length > 0) {
    throw new Refusal(
      `it joins constant "${parts[0]!.name}" to data`,
      "data alone; what a layer makes of constants is its bias",
    );
  }
  if (!operands.every(joins)) {
    throw new CheckpointError(
      `Concat "${call.name}": shapes ${operands.map(({ dims }) => shapeText(dims)).join(", ")}`,
    );
  }
  if (data.length > 0) return concatData(call, data, axis);
  call.sink.spend(parts.reduce((sum, part) => sum + part.data.length, 0));
  const { dims, data: joined } = concat(parts, axis);
  return constant(
    parts[0]!.name,
    dims,
    joined,
    parts.every((part) => part.integer),
  );
}

/** Data joined along their channels, by halves: so none is copied more often than it takes. */
function concatData(call: Call, data: readonly Data[], axis: number): Data {
  const first = data[0]!;
  const other = data.find((x) => !isChannelAxis(x, axis));
  if (other) {
    const what = `${other.picture ? "pictures " : ""}${shapeText(other.dims)}`;
    throw new Refusal(`it joins axis ${axis} of ${what}`, "the axis of channels");
  }
  const layoutOf = ({ picture }: Data) => picture && [picture.axes, picture.height, picture.width, picture.flat].join();
  if (!data.every((x) => layoutOf(x) === layoutOf(first))) {
    throw new Refusal("its operands are laid out differently", "the same axes in the same order");
  }
  if (!data.every(({ integer }) => integer === first.integer)) {
    throw new CheckpointError(`Concat "${call.name}": operands of different types`);
  }
  const { name, sink, output } = call;
  const { quantized } = first;
  const isAlike = data.every((x) => x.quantized && quantized && sameQuantization(x.quantized, quantized));
  if (!isAlike || !quantized) {
    const { stored: _, ...joined } = joinedAll(
      data.map((x) => integersOf(call, x)),
      output,
    );
    return { ...joined, single: data.every((x) => x.single === true) };
  }
  const reals = data.map((x): Data => ({ ...x, value: x.quantized!.real }));
  const real = joinedAll(reals, sink.fresh(`${output}_quantized`)).value;
  return { ...joinedAll(data, sink.fresh(`${output}_codes`)), quantized: { ...quantized, real } };

  function joinedAll(parts: readonly Data[], output: string): Data {
    if (parts.length === 1) return parts[0]!;
    const half = Math.ceil(parts.length / 2);
    const a = joinedAll(parts.slice(0, half), sink.fresh(`${output}_0`));
    const b = joinedAll(parts.slice(half), sink.fresh(`${output}_1`));
    const first = channelsOf(a);
    const channels = first + channelsOf(b);
    sink.spend(channels);
    const node: Node = { op: "concat", name, inputs: [a.value, b.value], output, channels, first };
    sink.nodes.push(node);
    sink.makers.set(output, node);
    const dims = a.dims.with(axis, a.dims[axis]! + b.dims[axis]!);
    return { ...a, value: output, dims, ...(a.picture && { picture: { ...a.picture, channels } }) };
  }
}

/** Whether joining along an axis joins channels: the channels of a picture, also in one axis with its positions if they come first, or all of a vector. */
function isChannelAxis({ dims, picture }: Data, axis: number): boolean {
  const first = hasBatch(dims) ? 1 : 0;
  if (picture && !picture.flat) return picture.axes[axis - first] === "c";
  return axis >= first && dims.slice(first, axis).every((size) => size === 1) && (!picture || picture.axes[0] === "c");
}

function foldable(call: Call, index: number): Constant {
  const value = operand(call, index);
  if (value.kind === "data") throw new Refusal("it picks or joins data", "whole vectors: only constants and shapes");
  return value;
}
