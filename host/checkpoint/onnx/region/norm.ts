import type { FloatPost } from "../../../program.ts";
import { Refusal } from "../../refusal.ts";
import { plainOf } from "./post.ts";
import {
  axesOf,
  axisOf,
  type Call,
  constantOf,
  elementwise,
  isSameView,
  type Moment,
  only,
  scalarOf,
  type Value,
} from "./value.ts";
import { type View, viewOf } from "./view.ts";

export function layerNorm(call: Call, view: View, epsilon: number, post?: FloatPost): View {
  return elementwise(call, view, { kind: "layer_norm", epsilon: Math.fround(epsilon), ...(post && { post }) });
}

export function rmsNorm(call: Call, view: View, epsilon: number, post?: FloatPost): View {
  return elementwise(call, view, { kind: "rms_norm", epsilon: Math.fround(epsilon), ...(post && { post }) });
}

/** The value that a fused norm reads, over the last axis. */
export function normInput(call: Call): View {
  const view = plainOf(call);
  const axis = axisOf(call.attributes.int("axis") ?? -1, view.axes.length);
  if (axis !== view.axes.length - 1) throw new Refusal(`axis ${axis}`, "a norm over the last axis");
  return view;
}

/** Over the channels, as a part of a norm; or over all positions. */
export function reduceMean(call: Call): Value {
  const [value] = call.inputs;
  const axes = axesOf(call);
  const keeps = (call.attributes.int("keepdims") ?? 1) !== 0;
  const isSquare = value?.kind === "square";
  const view = isSquare ? value.of : plainOf(call);
  const rank = view.axes.length;
  const [axis, ...others] = axes.map((each) => axisOf(each, rank));
  if (axis === rank - 1 && others.length === 0 && keeps) {
    if (isSquare) return { ...value, kind: "variance" };
    const product = call.region.maker(view);
    const [x, y] = product?.compute.kind === "float_mul" ? product.inputs : [];
    if (x !== undefined && x === y) return { ...root(viewOf(x, view.picture, rank > 2)), kind: "variance" };
    return { kind: "mean", of: view, epsilon: 0, isCentered: true };
  }
  const isPositions = !isSquare && axes.length === rank - 2 && axis === 1;
  if (!isPositions)
    throw new Refusal(`a mean over axes ${axes}`, "a mean over all positions, or over channels in a norm");
  const made = call.region.emit(call.name, { kind: "mean" }, [view.source], only(call));
  return viewOf(made.source, made.picture, keeps);
}

const root = (of: View): Moment => ({ kind: "square", of, epsilon: 0, isCentered: false });

/** A square of a norm, or of ReLU (So et al., arXiv 2109.08668), or 1 / root. */
export function power(call: Call): Value {
  const [value] = call.inputs;
  const exponent = scalarOf(constantOf(call, 1));
  if (value?.kind === "variance" && exponent === -0.5) return { ...value, kind: "inverse" };
  if (value?.kind === "centered" && exponent === 2) return { ...value, kind: "square" };
  if (value?.kind === "data" && exponent === 2) {
    const maker = call.region.maker(value);
    const compute = maker?.compute;
    if (compute?.kind !== "activation" || compute.function !== "relu") return root(plainOf(call));
    const made = call.region.emit(call.name, { kind: "activation", function: "relu2" }, maker!.inputs, only(call));
    return { ...value, source: made.source };
  }
  throw new Refusal("a power that is no part of a norm", "a square");
}

/** The quotient or product that ends a norm, the product that is a square of one, and 1 / root; undefined where it is neither. */
export function normed(call: Call, divides: boolean): Value | undefined {
  const [a, b] = call.inputs;
  if (divides && a?.kind === "constant" && scalarOf(a) === 1 && b?.kind === "deviation")
    return { ...b, kind: "inverse" };
  if (!divides && a?.kind === "centered" && b?.kind === "centered" && isSameView(a.of, b.of))
    return { ...a, kind: "square" };
  const [x, by] = !divides && a?.kind === "inverse" ? [b, a] : [a, b];
  if (by?.kind !== (divides ? "deviation" : "inverse")) return undefined;
  if (by.isCentered && x?.kind === "centered" && isSameView(x.of, by.of)) return layerNorm(call, by.of, by.epsilon);
  if (!by.isCentered && x?.kind === "data" && isSameView(x, by.of)) return rmsNorm(call, by.of, by.epsilon);
  return undefined;
}
