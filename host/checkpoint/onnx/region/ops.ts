import { shapeText } from "../../../shape.ts";
import { Refusal } from "../../refusal.ts";
import { elements } from "../../tensor.ts";
import { add, concat, multiply } from "./arithmetic.ts";
import { matMul } from "./attention.ts";
import { conv, gemm, someOf, split } from "./linear.ts";
import { layerNorm, normInput, power, reduceMean, rmsNorm } from "./norm.ts";
import { plainOf, postOf } from "./post.ts";
import { bounded, greatest, inverted, residue, rounded, sizes } from "./rows.ts";
import {
  axesOf,
  axisOf,
  type Call,
  constantOf,
  dataOf,
  elementwise,
  isClose,
  isSameView,
  only,
  PLAIN,
  scalarOf,
  type Value,
} from "./value.ts";
import { axisSize, dimsOf, reshaped, transposed, type View } from "./view.ts";

function reshape(call: Call): Value {
  const [value] = call.inputs;
  const isCodes = value?.kind === "rows" || value?.kind === "rounded";
  const view = isCodes ? value.of : dataOf(call);
  const dims = [...constantOf(call, 1).data];
  const sizes = dims.map((size, axis) => (size === 0 ? axisSize(view.axes[axis] ?? []) : size));
  const known = sizes.filter((size) => size > 0).reduce((a, b) => a * b, 1);
  const all = elements(dimsOf(view));
  const made = reshaped(
    view,
    sizes.map((size) => (size < 0 ? all / known : size)),
  );
  if (!made) throw new Refusal(`[${dims}] of ${shapeText(view.picture)}, of which it is no whole part`, PLAIN);
  return isCodes ? { ...value, of: made } : made;
}

/** One position, or one of equal parts of channels. */
function gather(call: Call): Value {
  const view = dataOf(call);
  const index = scalarOf(constantOf(call, 1));
  const axis = axisOf(call.attributes.int("axis") ?? 0, view.axes.length);
  if (index === undefined) throw new Refusal("it gathers several parts", "one position");
  const made = partOf(call, axis, axisOf(index, dimsOf(view)[axis]!), 1);
  return { ...made, axes: made.axes.toSpliced(axis, 1) };
}

/** `count` of what an axis counts. */
function partOf(call: Call, axis: number, first: number, count: number): View {
  const view = dataOf(call);
  const size = dimsOf(view)[axis];
  if (count === size) return view;
  const some = someOf(call, axis, first, count);
  if (some) return some;
  if (count !== 1 || axis !== 1 || view.axes.length !== 3) {
    throw new Refusal(
      `it takes ${count} of ${size} along axis ${axis}`,
      "one position, or whole parts of a layer's channels",
    );
  }
  return call.region.emit(call.name, { kind: "pick", position: first }, [plainOf(call).source], only(call));
}

function slice(call: Call): Value {
  const dims = dimsOf(dataOf(call));
  const [starts, ends, axes, steps] = [1, 2, 3, 4].map((i) => (call.inputs[i] ? constantOf(call, i).data : undefined));
  const given = axes?.[0] ?? 0;
  if (starts?.length !== 1 || ends?.length !== 1 || (steps && steps[0] !== 1)) {
    throw new Refusal("it slices along several axes, or in steps", "one axis, in steps of 1");
  }
  const axis = axisOf(given, dims.length);
  const size = dims[axis]!;
  const bound = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const [first, end] = [bound(starts[0]!), bound(ends[0]!)];
  if (end <= first) throw new Refusal(`it takes ${first} to ${end} of ${size}`, "one part at least");
  return partOf(call, axis, first, end - first);
}

/** The same numbers under other axes of size 1. */
function reranked(call: Call, change: (dims: number[], axes: readonly number[]) => number[] | undefined): Value {
  const view = dataOf(call);
  const axes = axesOf(call);
  const dims = change(dimsOf(view), axes);
  const made = dims && reshaped(view, dims);
  if (!made) throw new Refusal(`axes ${axes} of [${dimsOf(view)}]`, "axes of size 1");
  return made;
}

function softmax(call: Call): Value {
  const [value] = call.inputs;
  const axis = call.attributes.int("axis") ?? -1;
  if (value?.kind === "scores") return { ...value, kind: "weights" };
  const view = plainOf(call);
  if (axisOf(axis, view.axes.length) !== view.axes.length - 1)
    throw new Refusal(`axis ${axis}`, "a softmax over the last axis");
  if (call.region.isOutput(only(call))) return call.region.emitSoftmax(call.name, view, only(call));
  return elementwise(call, view, { kind: "softmax" });
}

/** The one bound that an input holds; NaN, which bounds nothing, where it holds several. */
function boundOf(call: Call, index: number): number {
  return scalarOf(constantOf(call, index)) ?? Number.NaN;
}

const identity = ({ inputs }: Call): Value => inputs[0] ?? { kind: "unknown" };

/** What makes the values of a node. */
export const OPS: Record<string, (call: Call) => Value | Value[]> = {
  Abs: sizes,
  Add: add,
  Cast: identity,
  Concat: concat,

  Clip(call) {
    const bound = (name: string, index: number, none: number) =>
      call.inputs[index] ? boundOf(call, index) : (call.attributes.float(name) ?? none);
    return bounded(call, bound("min", 1, -Infinity), bound("max", 2, Infinity));
  },

  Conv: conv,
  Div: (call) => multiply(call, true),
  Dropout: identity,

  Erf(call) {
    const view = dataOf(call);
    if (!isClose(view.factor, Math.SQRT1_2))
      throw new Refusal(`the error function of a value times ${view.factor}`, "GELU: erf(x / √2)");
    return { kind: "erf", of: { ...view, factor: 1 }, factor: 1 };
  },

  Expand: identity,

  Flatten(call) {
    const view = dataOf(call);
    const made = reshaped(view, [1, elements(dimsOf(view))]);
    if (!made || (call.attributes.int("axis") ?? 1) !== 1) throw new Refusal("another axis than 1", "axis = 1");
    return made;
  },

  Gather: gather,

  Gelu(call) {
    const isTanh = (call.attributes.text("approximate") ?? "none") === "tanh";
    return elementwise(call, plainOf(call), { kind: "activation", function: isTanh ? "gelu_tanh" : "gelu" });
  },

  Gemm: gemm,
  Identity: identity,

  LayerNormalization(call) {
    const view = normInput(call);
    const bias = call.inputs[2] ? constantOf(call, 2).data : undefined;
    return layerNorm(call, view, call.attributes.float("epsilon") ?? 1e-5, postOf(constantOf(call, 1).data, bias));
  },

  MatMul: matMul,

  Max: (call) => bounded(call, boundOf(call, 1), Infinity),

  Mul: (call) => multiply(call, false),

  Pow: power,

  Reciprocal(call) {
    const [value] = call.inputs;
    if (value?.kind === "deviation") return { ...value, kind: "inverse" };
    if (value?.kind === "scale") return inverted(value);
    throw new Refusal("a reciprocal that is no part of a norm, nor a scale of codes", PLAIN);
  },

  ReduceMax: greatest,
  ReduceMean: reduceMean,
  Relu: (call) => elementwise(call, plainOf(call), { kind: "activation", function: "relu" }),
  Reshape: reshape,

  RMSNormalization(call) {
    const view = normInput(call);
    return rmsNorm(call, view, call.attributes.float("epsilon") ?? 1e-5, postOf(constantOf(call, 1).data, undefined));
  },

  Round: rounded,

  Sigmoid(call) {
    return { kind: "sigmoid", of: plainOf(call) };
  },

  Shape: (call) => {
    const dims = Float64Array.from(dimsOf(dataOf(call)));
    const part = dims.slice(call.attributes.int("start") ?? 0, call.attributes.int("end") ?? dims.length);
    return { kind: "constant", name: only(call), dims: [part.length], data: part, integer: true };
  },

  Slice: slice,
  Softmax: softmax,

  Split(call) {
    const { attributes, inputs, outputs } = call;
    const sizes = attributes.ints("split") ?? (inputs[1] ? [...constantOf(call, 1).data] : undefined);
    const axis = attributes.int("axis") ?? 0;
    const view = dataOf(call);
    const size = axisSize(view.axes[axisOf(axis, view.axes.length)] ?? []);
    return split(call, sizes ?? outputs.map(() => size / outputs.length), axis);
  },

  Sqrt(call) {
    const [value] = call.inputs;
    if (value?.kind === "variance") return { ...value, kind: "deviation" };
    throw new Refusal("a root that is no part of a norm", PLAIN);
  },

  Squeeze: (call) =>
    reranked(call, (dims, axes) => {
      const own = axes.map((axis) => axisOf(axis, dims.length));
      const isOne = own.every((axis) => dims[axis] === 1);
      return isOne && own.length > 0 ? dims.filter((_, axis) => !own.includes(axis)) : undefined;
    }),

  Sub(call) {
    const [a, b] = call.inputs;
    if (a?.kind === "data" && b?.kind === "mean" && isSameView(a, b.of)) return { ...b, kind: "centered" };
    const difference = residue(call);
    if (difference) return difference;
    throw new Refusal("a difference that is no part of a norm", PLAIN);
  },

  Transpose(call) {
    const view = dataOf(call);
    const order = call.attributes.ints("perm") ?? view.axes.map((_, axis) => axis).reverse();
    if (`${[...order].sort((x, y) => x - y)}` !== `${view.axes.map((_, axis) => axis)}`) {
      throw new Refusal(`perm of ${order} of ${view.axes.length} axes`, "every axis once");
    }
    return transposed(view, order);
  },

  Unsqueeze: (call) =>
    reranked(call, (dims, axes) => {
      const rank = dims.length + axes.length;
      const own = axes.map((axis) => axisOf(axis, rank)).sort((a, b) => a - b);
      return own.reduce((made, axis) => made.toSpliced(axis, 0, 1), dims);
    }),
};
