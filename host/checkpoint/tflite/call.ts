import { CheckpointError } from "../../base/errors.ts";
import { MAX_ELEMENTS } from "../../base/limits.ts";
import type { Node } from "../../graph/graph.ts";
import type { FreshName } from "../../graph/names.ts";
import { elementCount, isSameShape, type Picture } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import type { Padding } from "../window.ts";
import type { Kernels } from "./kernels.ts";
import type { FileTensor } from "./model.ts";
import type { Table } from "./table.ts";

/** What a tensor of the file is while its graph is made. */
export type Value = Codes | Real | Signs | Constant | { kind: "broken" };

/** Codes e = q − zero of the network's data. In the graph their scale is 1, so that all of it is integers; `scale` is the file's. */
export interface Codes extends Data, Quantization {
  kind: "codes";
  /** Zeros that a PAD put around the picture, which only a convolution can take. */
  padding?: Padding;
}

/** Real numbers of the network's data: an input, or what serves an output. */
export interface Real extends Data {
  kind: "real";
}

/** ±1 of the network's data, in bits (larq.ts). */
export interface Signs extends Data {
  kind: "signs";
}

interface Data {
  /** Name of the graph's value. */
  value: string;
  /** Sizes as the file has them, without the batch. */
  row: number[];
  /** The shape of the graph's value: it has as many elements, whatever `row` is. */
  picture: Picture;
  /** Of each element of the row, which of the value's it is, where a TRANSPOSE moved some; left out, they are in the same order. */
  order?: Int32Array | undefined;
}

export interface Constant {
  kind: "constant";
  tensor: FileTensor;
}

/** What a tensor's codes q stand for: the real numbers (q − zero) · scale. */
export interface Quantization {
  type: CodeType;
  scale: number;
  zero: number;
}

export type CodeType = "INT8" | "UINT8";

/** Least and greatest code of each type. */
export const CODES: Record<CodeType, readonly [min: number, max: number]> = { INT8: [-128, 127], UINT8: [0, 255] };

/** What a refusal of floats advises. */
export const QUANTIZED =
  "a file whose weights and activations are int8: full integer quantization with a representative data set";

/** An operator with its operands at hand. */
export interface Call {
  /** Name of the result, which is the node's in the graph. */
  name: string;
  inputs: (Value | undefined)[];
  output: FileTensor;
  options: { type: number; table: Table } | undefined;
  /** Options of a custom operator. */
  custom: Uint8Array | undefined;
  /** Name of the graph's value that holds the result. */
  value: string;
  fresh: FreshName;
  kernels: Kernels;
  emit(node: Node): void;
  /** Counts weights that are read: those of one tensor may serve many operators. */
  spend(weights: number): void;
}

/** The options of an operator, by their number in the schema's union. */
export function optionsOf(call: Call, type: number): Table {
  const { options, name } = call;
  if (options?.type === type) return options.table;
  throw new CheckpointError(`operator "${name}": options of type ${options?.type ?? 0}, expected ${type}`);
}

/** Sizes of data as the file has them, the batch first. */
export function shapeOf({ row }: Codes | Real): number[] {
  return [1, ...row];
}

/** An axis of so many, of which negative ones count from the last. */
export function axisOf({ name }: Call, axis: number, axes: number): number {
  if (axis >= -axes && axis < axes) return axis < 0 ? axis + axes : axis;
  throw new CheckpointError(`operator "${name}": axis ${axis}, expected ${-axes} to ${axes - 1}`);
}

/** The picture that a row of these sizes is: height, width and channels, of which the first may be left out. */
export function pictureOf(row: readonly number[]): Picture {
  if (row.length < 1 || row.length > 3) {
    throw new Refusal(`its shape has ${row.length} axes behind the batch`, "1 to 3: height, width and channels");
  }
  const [channels, width = 1, height = 1] = row.toReversed();
  return { height, width, channels: channels! };
}

/** Sizes of a tensor without the batch, which is 1 in files, however many rows an interpreter is given. */
export function rowOf({ shape }: FileTensor): number[] {
  const [batch, ...row] = shape;
  if (batch !== 1 || row.length === 0) {
    throw new Refusal(`its shape is [${shape.join(", ")}]`, "a batch of 1 and at least one axis more");
  }
  return row;
}

/** An operand that must be codes of 8 bits. `picture`: as a picture of the very axes that the file gives it. */
export function codesOperand(call: Call, index: number, picture: boolean): Codes {
  const value = call.inputs[index];
  if (value?.kind === "real") {
    throw new Refusal("its input is of floats", QUANTIZED);
  }
  if (value?.kind === "signs") throw new Refusal("its input is of bits", "LceDequantize between");
  if (value?.kind !== "codes")
    throw new Refusal(`operand ${index} is a constant`, "one that depends on the network's input");
  if (picture && value.order) {
    throw new Refusal(
      "a TRANSPOSE before it moves elements",
      "one by [0, 2, 3, 1] right behind an input, or one before FULLY_CONNECTED",
    );
  }
  if (picture && !isSameShape(value.picture, pictureOf(value.row))) {
    throw new Refusal("what is before it moves elements between the axes of a picture", "a RESHAPE to a vector alone");
  }
  return value;
}

/** The same, of which no zeros are around. */
export function plainOperand(call: Call, index: number, picture: boolean): Codes {
  const value = codesOperand(call, index, picture);
  if (value.padding) throw new Refusal("it reads what a PAD made", "a PAD right before a convolution");
  return value;
}

export function constantOperand(call: Call, index: number, what: string): FileTensor {
  const value = call.inputs[index];
  if (value?.kind !== "constant") throw new Refusal(`its ${what} are no constants`, `${what} that the file holds`);
  return value.tensor;
}

/** Scale and zero point of a tensor of codes, one for all of it. */
export function quantizationOf(tensor: FileTensor): Quantization {
  const { type, scale, zero, name } = tensor;
  if (type !== "INT8" && type !== "UINT8") {
    throw new Refusal(`"${name}" is ${type === "FLOAT32" ? "of floats" : `of ${type}`}`, QUANTIZED);
  }
  const [s, z = 0] = [scale[0], zero[0]];
  if (scale.length !== 1 || s === undefined || !(s > 0 && Number.isFinite(s))) {
    const found = scale.length === 1 ? `the scale ${s}` : `${scale.length} scales`;
    throw new Refusal(`"${name}" has ${found}`, "one scale above 0 for all of its codes");
  }
  const [min, max] = CODES[type];
  if (zero.length > 1 || !(z >= min && z <= max)) {
    const found = zero.length > 1 ? `${zero.length} zero points` : `zero point ${z}`;
    throw new Refusal(`"${name}" has ${found}`, `one of ${min} to ${max}`);
  }
  return { type, scale: s, zero: z };
}

/** The int32 constants of an operand. */
export function integersOf(call: Call, index: number, what: string): number[] {
  const { name, type, data } = constantOperand(call, index, what);
  if (type !== "INT32" || data.length % 4 !== 0 || data.length > 4 * 16) {
    throw new Refusal(`its ${what} "${name}" are ${data.length} bytes of ${type}`, "a few numbers of INT32");
  }
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return Array.from({ length: data.length / 4 }, (_, i) => view.getInt32(4 * i, true));
}

/** Ops that move codes alone leave their scale as it is. */
export function sameQuantization(call: Call, input: Codes): void {
  const { scale, zero } = quantizationOf(call.output);
  if (scale === input.scale && zero === input.zero) return;
  const why = `its codes get scale ${scale} and zero point ${zero}, and its input has ${input.scale} and ${input.zero}`;
  throw new Refusal(why, "the same of both, or a QUANTIZE between");
}

/** The result of an operator: codes of the output tensor, which has as many elements as the graph's value. */
export function codesResult(call: Call, picture: Picture): Codes {
  const { output, value } = call;
  const row = rowOf(output);
  const found = row.reduce((product, size) => product * size, 1);
  if (found > MAX_ELEMENTS) throw new Refusal(`its result has ${found} elements`, `at most ${MAX_ELEMENTS}`);
  if (found !== elementCount(picture)) {
    const expected = elementCount(picture);
    throw new CheckpointError(
      `operator "${call.name}": its result has ${found} elements by its shape, expected ${expected}`,
    );
  }
  return { kind: "codes", value, row, picture, ...quantizationOf(output) };
}
