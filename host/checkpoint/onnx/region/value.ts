import type { FloatNode, FloatOp } from "../../../graph/ops/float.ts";
import { Refusal } from "../../refusal.ts";
import type { Tensor } from "../../tensor.ts";
import type { Attributes } from "../call.ts";
import { isPlain, isSame, type View } from "./view.ts";

/** What a decomposed function has become so far, of the values of a view: erf(x / √2), factor · (1 + that), factor · x · (1 + that). */
export type Gelu = { kind: "erf" | "phi" | "gelu"; of: View; factor: number };

export type Partial =
  | Gelu
  | { kind: "mean" | "centered" | "square" | "variance" | "deviation"; of: View; epsilon: number }
  | { kind: "scores" | "weights"; queries: string; keys: string; heads: number; scale: number; positions: number };

export type Value = View | Partial | { kind: "constant"; tensor: Tensor } | { kind: "unknown" };

export const PLAIN =
  "a network of encoders as torch.onnx exports it, of one axis of positions and one of channels behind the batch";

/** How far a constant of a decomposed function may be from what it stands for. */
const CLOSE = 1e-5;

/** Where nodes of the graph go while a file's are walked. */
export interface RegionSink {
  /** A node of the graph, and the view of what it gives. */
  emit(name: string, compute: FloatOp, inputs: string[], output: string, more?: Pick<FloatNode, "weightsName">): View;
  /** The end of an output, which hosts compute. */
  emitSoftmax(name: string, view: View, output: string): View;
  isOutput(name: string): boolean;
  /** The node that gives a value; none gives the network's input. */
  maker(view: View): FloatNode | undefined;
}

export interface Call {
  region: RegionSink;
  name: string;
  inputs: (Value | undefined)[];
  outputs: string[];
  attributes: Attributes;
}

export function constantOf({ inputs }: Call, index: number): Tensor {
  const value = inputs[index];
  if (value?.kind === "constant") return value.tensor;
  throw new Refusal(`its input ${index} is ${value?.kind ?? "absent"}, expected a constant`, PLAIN);
}

export function dataOf({ inputs }: Call, index = 0): View {
  const value = inputs[index];
  if (value?.kind === "data") return value;
  throw new Refusal(`its input ${index} is ${value?.kind ?? "absent"} of a function that it is no part of`, PLAIN);
}

/** A value whose numbers are all of a row, in their order. */
export function plainOf(call: Call, index = 0): View {
  const view = dataOf(call, index);
  if (isPlain(view)) return view;
  throw new Refusal(`its input ${index} has its axes in another order, or a part of "${view.source}"`, PLAIN);
}

export const only = (call: Call): string => call.outputs[0] ?? "";

/** The one number of a constant. */
export function scalarOf({ data }: Tensor): number | undefined {
  return data.length === 1 ? data[0] : undefined;
}

export const isClose = (x: number, y: number): boolean => Math.abs(x - y) <= CLOSE * Math.abs(y);

/** The axis that an attribute tells, counted from the first. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function elementwise(call: Call, view: View, compute: FloatOp): View {
  if (!isPlain(view)) throw new Refusal("its input has its axes in another order", PLAIN);
  const made = call.region.emit(call.name, compute, [view.source], only(call));
  return { ...view, source: made.source };
}

export function isSameView(a: View, b: View): boolean {
  return (
    a.source === b.source && a.axes.length === b.axes.length && a.axes.every((axis, i) => isSame(axis, b.axes[i]!))
  );
}
