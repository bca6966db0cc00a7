import type { FloatNode, FloatOp } from "../../../graph/ops/float.ts";
import { Refusal } from "../../refusal.ts";
import type { Tensor } from "../../tensor.ts";
import type { Attributes, Constant, Sink } from "../call.ts";
import { isPlain, isSame, type View } from "./view.ts";

/** What a decomposed function has become so far, of the values of a view: erf(x / √2), factor · (1 + that), factor · x · (1 + that). */
export type Gelu = { kind: "erf" | "phi" | "gelu"; of: View; factor: number };

/**
 * Of a norm: the mean of x, x less that (`isCentered`), a square of one of both, its mean, that with epsilon, its root, and 1 / root. Without the mean it is
 * RMSNorm's (Zhang and Sennrich, arXiv 1910.07467).
 */
export interface Moment {
  kind: "mean" | "centered" | "square" | "variance" | "deviation" | "inverse";
  of: View;
  epsilon: number;
  isCentered: boolean;
}

/** On the way to codes of every position of x and to their sums. The greatest |x| of a position, at least epsilon, is m. */
export type Rows = { of: View; epsilon: number } & (
  | { kind: "sizes" } // |x|
  | { kind: "scale"; by: number; power: 1 | -1 } // by · m^power
  | { kind: "scaled"; levels: number } // x · levels / m
  | { kind: "rounded"; levels: number } // codes
  | { kind: "rows"; levels: number } // codes · m / levels
  | { kind: "residue"; levels: number } // that less x
  | { kind: "sums"; levels: number; weights: Constant; factor: number; weightsName: string } // factor · Σ codes · weights
);

export type Partial =
  | Gelu
  | Moment
  | Rows
  | { kind: "sigmoid"; of: View }
  | { kind: "scores" | "weights"; queries: string; keys: string; heads: number; scale: number; positions: number };

export type Value = View | Partial | Constant | { kind: "unknown" };

export const PLAIN =
  "a network of encoders as torch.onnx exports it, of one axis of positions and one of channels behind the batch";

/** How far a constant of a decomposed function may be from what it stands for. */
const CLOSE = 1e-5;

/** Where nodes of the graph go while a file's are walked. */
export interface RegionSink {
  /** A node of the graph, and the view of what it gives. */
  emit(
    name: string,
    compute: FloatOp,
    inputs: string[],
    output: string,
    more?: Pick<FloatNode, "weightsName" | "rows">,
  ): View;
  /** The end of an output, which hosts compute. */
  emitSoftmax(name: string, view: View, output: string): View;
  /** The values that are others times a factor, by both. */
  readonly scaled: Map<string, string>;
  isOutput(name: string): boolean;
  /** The node that gives a value; none gives the network's input. */
  maker(view: View): FloatNode | undefined;
}

export interface Call {
  region: RegionSink;
  /** What constants cost, and what is worth saying about them. */
  sink: Pick<Sink, "spend" | "notes" | "fresh">;
  name: string;
  inputs: (Value | undefined)[];
  outputs: string[];
  attributes: Attributes;
}

export function constantOf({ inputs }: Call, index: number): Constant {
  const value = inputs[index];
  if (value?.kind === "constant") return value;
  throw new Refusal(`its input ${index} is ${value?.kind ?? "absent"}, expected a constant`, PLAIN);
}

export function dataOf({ inputs }: Call, index = 0): View {
  const value = inputs[index];
  if (value?.kind === "data") return value;
  throw new Refusal(`its input ${index} is ${value?.kind ?? "absent"} of a function that it is no part of`, PLAIN);
}

export const only = (call: Call): string => call.outputs[0] ?? "";

/** The one number of a constant. */
export function scalarOf({ data }: Tensor): number | undefined {
  return data.length === 1 ? data[0] : undefined;
}

export const isClose = (x: number, y: number): boolean => Math.abs(x - y) <= CLOSE * Math.abs(y);

/** The axes that an attribute tells, or an input since operator set 13 or 18; none if neither does. */
export function axesOf(call: Call): readonly number[] {
  return call.attributes.ints("axes") ?? (call.inputs[1] ? [...constantOf(call, 1).data] : []);
}

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
