import { CheckpointError } from "../../base/errors.ts";
import type { Node } from "../../graph/graph.ts";
import type { FreshName } from "../../graph/names.ts";
import type { Weights } from "../../graph/ops/weights.ts";
import { Refusal } from "../refusal.ts";
import { elements, type Tensor } from "../tensor.ts";
import type { Padding } from "../window.ts";
import type { Pictured } from "./picture.ts";
import { ATTRIBUTE_TYPE, type AttributeProto, type NodeProto, type TensorProto } from "./proto.ts";

/** More than any dense network needs; keeps loops over axes short. */
export const MAX_AXES = 8;

/** What an ONNX value is while its graph is walked. */
export type Value = Data | Constant | { kind: "broken" };

/** Depends on the network's input: value `value` of the graph, a vector or a picture per row. */
export interface Data {
  kind: "data";
  value: string;
  /** Shape in the file. The batch axis, where there is one, is the first and has size NaN. */
  dims: number[];
  /** Size of the batch axis that the file declares; undefined if it varies. */
  batch: number | undefined;
  /** Where a row is a picture: how. */
  picture?: Pictured;
  /** Set for integers q that a quantizer made, as long as they are only picked: the graph's value is their codes e = q − zero, of scale 1. */
  quantized?: Quantized;
  /** The type of the network's own input, of 8 bits at most, as long as only its shape changes. */
  stored?: IntegerType;
  /** Each number is the f32 that ONNX's own rounding makes of it, whatever the order of sums: an input, codes times a scale, and what is made of one such number. */
  single?: boolean;
  /** Positions of zeros around the picture that the graph's value has: a Pad's, until a Conv takes them as its padding. */
  padded?: Padding;
  /** Of an integer type: arithmetic wraps around and division truncates, until a Cast makes real numbers of it. */
  integer?: boolean;
}

export interface Quantized {
  /** The graph's value of the real numbers e · scale. */
  real: string;
  scale: Float64Array;
  zero: Float64Array;
}

/** Known now: read from the file or folded. */
export interface Constant extends Tensor {
  kind: "constant";
  /** Tensor of the file that it comes from. */
  name: string;
  /** Of an integer type: division truncates. */
  integer: boolean;
  /** The integer type that the file stores; undefined for results of arithmetic. */
  stored?: IntegerType;
  /** Set behind a quantizer, and of integers times a scale, while only the shape and the scale change. */
  grid?: Grid;
}

export interface IntegerType {
  bits: number;
  signed: boolean;
}

/** The same elements as integers: element = code · scale. */
export interface Grid {
  /** Zero point already subtracted. */
  codes: Float64Array;
  scale: Float64Array;
  bits: number;
  found: Exclude<Weights["found"], "bare">;
}

/** An ONNX node with its operands at hand, and the place where its results go. */
export interface Call {
  name: string;
  opType: string;
  /** Version of ONNX's own operator set. */
  opset: number;
  inputs: (Value | undefined)[];
  attributes: Attributes;
  output: string;
  sink: Sink;
}

/** What all nodes of an import share. */
export interface Sink {
  nodes: Node[];
  /** The same by the value that they define. */
  makers: Map<string, Node>;
  notes: string[];
  fresh: FreshName;
  /** Whether float weights without a quantizer stay what they are. */
  keepsFloats: boolean;
  /** Takes a graph input, which nothing reads yet, as a picture. */
  takeAsPicture(input: string, row: number[], picture: Pictured): boolean;
  /** Counts elements that are about to be made or looked at, and channels of nodes, against one limit (limits.ts). */
  spend(elements: number): void;
  /** Counts elements that the file holds, which raise the limit. */
  found(elements: number): void;
}

/** Sizes of one row, without the batch axis. */
export function rowShape(dims: readonly number[]): number[] {
  return hasBatch(dims) ? dims.slice(1) : [...dims];
}

export function hasBatch(dims: readonly number[]): boolean {
  return Number.isNaN(dims[0]);
}

/** Channels of the graph's value: of a picture, at each of its positions. */
export function channelsOf(data: Pick<Data, "dims" | "picture">): number {
  return data.picture?.channels ?? elements(rowShape(data.dims));
}

/** "[N, 784]". */
export function shapeText(dims: readonly number[]): string {
  return `[${dims.map((size) => (Number.isNaN(size) ? "N" : size)).join(", ")}]`;
}

/** Operand that the op cannot do without. */
export function operand(call: Call, index: number): Data | Constant {
  const value = call.inputs[index];
  if (!value || value.kind === "broken") {
    throw new CheckpointError(`${call.opType} "${call.name}": input ${index} is missing`);
  }
  return value;
}

/** Operand that has to be known now. */
export function constantOperand(call: Call, index: number, what: string): Constant {
  const value = operand(call, index);
  if (value.kind === "data") {
    throw new Refusal(`its ${what} is computed from the network's input`, `a constant ${what}`);
  }
  return value;
}

export function dataOperand(call: Call, index: number): Data {
  const value = operand(call, index);
  if (value.kind === "constant") {
    throw new Refusal("it is applied to a constant", "the constant that results, stored in the file");
  }
  return value;
}

/** One number, of any rank. */
export function scalar(call: Call, constant: Constant, what: string): number {
  if (constant.data.length !== 1) {
    throw new Refusal(`its ${what} has shape ${shapeText(constant.dims)}`, `one ${what} for the whole tensor`);
  }
  requireFinite(call, constant);
  return constant.data[0]!;
}

/** Integers such as axes; from an input, in new operator sets, or else from an attribute. */
export function integers(call: Call, name: string, inputIndex: number): number[] | undefined {
  const list = call.inputs[inputIndex] ? constantOperand(call, inputIndex, name).data : call.attributes.ints(name);
  if (!list) return undefined;
  if (list.length > MAX_AXES || !list.every(Number.isInteger)) {
    throw new CheckpointError(`${call.opType} "${call.name}": ${name} are not integers, or more than ${MAX_AXES}`);
  }
  return [...list];
}

/** Counts from the end where negative. */
export function axisOf(call: Call, axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (!(Number.isInteger(axis) && counted >= 0 && counted < rank)) {
    throw new CheckpointError(`${call.opType} "${call.name}": axis ${axis} of a tensor with ${rank} axes`);
  }
  return counted;
}

export function requireFinite(call: Call, constant: Constant): void {
  call.sink.spend(constant.data.length);
  const bad = constant.data.findIndex((x) => !Number.isFinite(x));
  if (bad < 0) return;
  throw new CheckpointError(
    `${call.opType} "${call.name}": element ${bad} of constant "${constant.name}" is ${constant.data[bad]}, ` +
      "expected a finite number that does not depend on the batch size",
  );
}

export interface Attributes {
  int(name: string): number | undefined;
  float(name: string): number | undefined;
  text(name: string): string | undefined;
  ints(name: string): number[] | undefined;
  floats(name: string): number[] | undefined;
  tensor(name: string): TensorProto | undefined;
}

/** Attributes by name. One of another type than asked for is an error; an absent one is undefined. */
export function attributesOf(node: NodeProto, where: string): Attributes {
  const named = new Map(node.attribute.map((attribute) => [attribute.name ?? "", attribute]));

  /** Some writers leave out a field that is zero; then only `type` tells. */
  function read<T>(name: string, type: number, pick: (a: AttributeProto) => T | undefined, zero?: T): T | undefined {
    const attribute = named.get(name);
    if (!attribute) return undefined;
    const value = (attribute.type ?? type) === type ? (pick(attribute) ?? zero) : undefined;
    if (value === undefined) {
      const found = attribute.type === undefined || attribute.type === type ? "no value" : `type ${attribute.type}`;
      throw new CheckpointError(`${where}: attribute "${name}" has ${found}, expected one of type ${type}`);
    }
    return value;
  }

  return {
    int: (name) => read(name, ATTRIBUTE_TYPE.INT, (a) => a.i, 0),
    float: (name) => {
      const value = read(name, ATTRIBUTE_TYPE.FLOAT, (a) => a.f, 0);
      if (value === undefined || Number.isFinite(value)) return value;
      throw new CheckpointError(`${where}: attribute "${name}" is ${value}, expected a finite number`);
    },
    text: (name) => {
      const bytes = read(name, ATTRIBUTE_TYPE.STRING, (a) => a.s, new Uint8Array());
      return bytes && new TextDecoder().decode(bytes);
    },
    ints: (name) => read(name, ATTRIBUTE_TYPE.INTS, (a) => a.ints),
    floats: (name) => read(name, ATTRIBUTE_TYPE.FLOATS, (a) => a.floats),
    tensor: (name) => read(name, ATTRIBUTE_TYPE.TENSOR, (a) => a.t),
  };
}
