import { CheckpointError } from "../../base/errors.ts";
import { windowSize } from "../../graph/ops/window.ts";
import { elementCount } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import {
  axisOf,
  type Call,
  type Codes,
  type Constant,
  codesResult,
  integersOf,
  plainOperand,
  type Real,
  sameQuantization,
  shapeOf,
  type Value,
} from "./call.ts";
import { integerConstant } from "./constants.ts";
import type { FileTensor } from "./model.ts";
import { type Slice, slicesOf } from "./slice.ts";
import { VALID, windowOf } from "./window.ts";

// Operators that leave elements as they are. What they make has the graph's value of what they read.

/** What is moved: data of the network that is no constant, and around which no zeros are. */
function movedOperand(call: Call): Codes | Real {
  const [value] = call.inputs;
  if (value?.kind !== "codes" && value?.kind !== "real") {
    throw new Refusal("operand 0 is a constant", "one that depends on the network's input");
  }
  if (value.kind === "codes" && value.padding)
    throw new Refusal("it reads what a PAD made", "a PAD right before a convolution");
  return value;
}

/** The same elements in the same order, of another shape. */
function renamed(call: Call, input: Codes | Real, shape: readonly number[]): Codes | Real {
  const [batch, ...row] = shape;
  if (batch !== 1 || row.length === 0) {
    throw new Refusal(`its result is of shape [${shape.join(", ")}]`, "a batch of 1 and at least one axis more");
  }
  if (input.kind === "codes") sameQuantization(call, input);
  return { ...input, row };
}

export function reshape(call: Call): Value {
  const input = movedOperand(call);
  return renamed(call, input, newShape(call, elementCount(input.picture)));
}

/** The shape that an operand, an option or the result itself tells, one −1 filled. */
function newShape(call: Call, count: number): number[] {
  const told = call.inputs[1]
    ? integersOf(call, 1, "new shape")
    : (call.options?.table.numbers(0, "new_shape", "i32") ?? []);
  const shape = told.length > 0 ? told : call.output.shape;
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const filled = shape.map((size) => (size === -1 ? count / known : size));
  const product = filled.reduce((a, b) => a * b, 1);
  if (product !== count || filled.some((size) => !(Number.isInteger(size) && size >= 1))) {
    throw new CheckpointError(`operator "${call.name}": shape [${shape}] of ${count} elements`);
  }
  return filled;
}

/** Leaves out axes of size 1: those that it names, or all. */
export function squeeze(call: Call): Value {
  const input = movedOperand(call);
  const shape = shapeOf(input);
  const named = call.options?.table.numbers(0, "squeeze_dims", "i32") ?? [];
  const axes = new Set(named.map((axis) => axisOf(call, axis, shape.length)));
  const kept = shape.filter((size, axis) => (axes.size === 0 ? size !== 1 : !axes.has(axis)));
  const left = [...axes].find((axis) => shape[axis] !== 1);
  if (left !== undefined) {
    throw new CheckpointError(
      `operator "${call.name}": axis ${left} of [${shape}] has size ${shape[left]}, expected 1`,
    );
  }
  return renamed(call, input, kept);
}

/** Puts an axis of size 1 before another one, or behind all. */
export function expandDims(call: Call): Value {
  const input = movedOperand(call);
  const shape = shapeOf(input);
  const axes = integersOf(call, 1, "axis");
  if (axes.length !== 1) throw new CheckpointError(`operator "${call.name}" names ${axes.length} axes, expected 1`);
  return renamed(call, input, shape.toSpliced(axisOf(call, axes[0]!, shape.length + 1), 0, 1));
}

/** Elements in another order, unless only axes of size 1 are moved. */
export function transpose(call: Call): Value {
  const input = movedOperand(call);
  const shape = shapeOf(input);
  const permutation = integersOf(call, 1, "permutation").map((axis) => axisOf(call, axis, shape.length));
  if (new Set(permutation).size !== shape.length || permutation.length !== shape.length) {
    throw new CheckpointError(`operator "${call.name}": permutation [${permutation}] of ${shape.length} axes`);
  }
  const moved = renamed(
    call,
    input,
    permutation.map((axis) => shape[axis]!),
  );
  const long = permutation.filter((axis) => shape[axis] !== 1);
  if (long.every((axis, i) => i === 0 || axis > long[i - 1]!)) return moved;
  call.spend(elementCount(input.picture));
  return { ...moved, order: transposed(shape, permutation, input.order) };
}

/** Of each element of a transposed row, which of the graph's value it is; `order` is that of the row before. Undefined where all are in their places. */
export function transposed(
  shape: readonly number[],
  permutation: readonly number[],
  order?: Int32Array,
): Int32Array | undefined {
  const moved = permuted(shape, permutation);
  const composed = order ? moved.map((i) => order[i]!) : moved;
  return composed.every((from, i) => from === i) ? undefined : composed;
}

/** Of each element of the result, which of the operand's it is. */
function permuted(shape: readonly number[], permutation: readonly number[]): Int32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  let order = Int32Array.of(0);
  for (const axis of permutation) {
    const [size, stride, before] = [shape[axis]!, strides[axis]!, order];
    order = Int32Array.from({ length: before.length * size }, (_, i) => {
      return before[Math.floor(i / size)]! + (i % size) * stride;
    });
  }
  return order;
}

/** Of constants, any part; of pictures, every so many lines or positions; of other data, all. */
export function stridedSlice(call: Call): Value {
  const [value] = call.inputs;
  if (value?.kind === "constant") return cut(call, value.tensor);
  const input = movedOperand(call);
  const shape = shapeOf(input);
  const slices = slicesOf(call, shape);
  const isWhole = slices.every(({ start, step, count }, axis) => start === 0 && step === 1 && count === shape[axis]);
  const row = shape.filter((_, axis) => !slices[axis]!.shrinks);
  return isWhole ? renamed(call, input, row) : strided(call, slices);
}

/** A part of a vector of integers, or one of them. */
function cut(call: Call, { shape }: FileTensor): Constant {
  const numbers = integersOf(call, 0, "operand");
  const [slice, ...others] = slicesOf(call, shape);
  if (!slice || others.length > 0) throw new Refusal(`it cuts a constant of shape [${shape}]`, "a vector of numbers");
  const { start, step, count, shrinks } = slice;
  const found = Array.from({ length: count }, (_, i) => numbers[start + i * step]!);
  return integerConstant(call, found, shrinks ? [] : [count]);
}

/** Lines and positions of a picture from the first on, as a pool of one position each takes them. */
function strided(call: Call, slices: readonly Slice[]): Codes {
  const input = plainOperand(call, 0, true);
  const shape = shapeOf(input);
  const positions = slices.slice(1, -1);
  const isEvery = ({ start, step, count, shrinks }: Slice, axis: number) =>
    start === 0 && count === Math.ceil(shape[axis]! / step) && !shrinks;
  if (!slices.every(isEvery) || slices[0]!.count !== 1 || slices.at(-1)!.step !== 1) {
    const parts = slices.map(({ start, step, count }) => `${count} from ${start} by ${step}`).join(", ");
    throw new Refusal(
      `it cuts ${parts} of [${shape}]`,
      "every so many lines and positions from the first, and all channels",
    );
  }
  sameQuantization(call, input);
  const [strideX, strideY] = [...positions.map(({ step }) => step).reverse(), 1, 1] as [number, number];
  const window = windowOf({ kernelHeight: 1, kernelWidth: 1, strideY, strideX, padding: VALID }, input.picture);
  const { channels } = input.picture;
  const picture = { ...windowSize(window, input.picture), channels };
  call.emit({ op: "maxpool", name: call.name, inputs: [input.value], output: call.value, channels, window });
  return codesResult(call, picture);
}
