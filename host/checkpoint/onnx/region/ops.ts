import { shapeText } from "../../../shape.ts";
import { Refusal } from "../../refusal.ts";
import { elements, transpose } from "../../tensor.ts";
import { readTensor } from "../tensor.ts";
import { add, concat, multiply } from "./arithmetic.ts";
import { matMul } from "./attention.ts";
import { conv, gemm, postOf, split } from "./linear.ts";
import { norm, reduceMean } from "./norm.ts";
import {
  axisOf,
  type Call,
  constantOf,
  dataOf,
  elementwise,
  isClose,
  isSameView,
  only,
  PLAIN,
  plainOf,
  scalarOf,
  type Value,
} from "./value.ts";
import { reshaped, transposed, viewOf } from "./view.ts";

function reshape(call: Call): Value {
  const [value] = call.inputs;
  const dims = [...constantOf(call, 1).data];
  if (value?.kind === "constant") return { kind: "constant", tensor: { dims, data: value.tensor.data } };
  const view = dataOf(call);
  const all = elements(view.axes.map((axis) => axis.reduce((product, { size }) => product * size, 1)));
  const sizes = dims.map((size, axis) =>
    size === 0 ? (view.axes[axis] ?? []).reduce((product, atom) => product * atom.size, 1) : size,
  );
  const known = sizes.filter((size) => size > 0).reduce((a, b) => a * b, 1);
  const made = reshaped(
    view,
    sizes.map((size) => (size < 0 ? all / known : size)),
  );
  if (!made) throw new Refusal(`[${dims}] of ${shapeText(view.picture)}, of which it is no whole part`, PLAIN);
  return made;
}

function gather(call: Call): Value {
  const view = plainOf(call);
  const index = scalarOf(constantOf(call, 1));
  if (
    index === undefined ||
    axisOf(call.attributes.int("axis") ?? 0, view.axes.length) !== 1 ||
    view.axes.length !== 3
  ) {
    throw new Refusal("it gathers something else than one position", "one position");
  }
  const position = axisOf(index, view.picture.height * view.picture.width);
  const made = call.region.emit(call.name, { kind: "pick", position }, [view.source], only(call));
  return viewOf(made.source, made.picture, false);
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

const identity = ({ inputs }: Call): Value => inputs[0] ?? { kind: "unknown" };

/** What makes the values of a node. */
export const OPS: Record<string, (call: Call) => Value | Value[]> = {
  Add: add,
  Cast: identity,
  Concat: concat,

  Constant({ attributes }) {
    const tensor = attributes.tensor("value");
    const one = attributes.float("value_float") ?? attributes.int("value_int");
    const ints = attributes.ints("value_ints") ?? attributes.floats("value_floats");
    if (tensor) return { kind: "constant", tensor: readTensor(tensor, "value") };
    if (one !== undefined) return { kind: "constant", tensor: { dims: [], data: Float64Array.of(one) } };
    return { kind: "constant", tensor: { dims: [ints?.length ?? 0], data: Float64Array.from(ints ?? []) } };
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
    const made = reshaped(view, [
      1,
      elements(view.axes.map((axis) => axis.reduce((product, { size }) => product * size, 1))),
    ]);
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
    const view = plainOf(call);
    const axis = axisOf(call.attributes.int("axis") ?? -1, view.axes.length);
    if (axis !== view.axes.length - 1) throw new Refusal(`axis ${axis}`, "a norm over the last axis");
    const bias = call.inputs[2] ? constantOf(call, 2).data : undefined;
    return norm(call, view, call.attributes.float("epsilon") ?? 1e-5, postOf(constantOf(call, 1).data, bias));
  },

  MatMul: matMul,
  Mul: multiply,

  Pow(call) {
    const [value] = call.inputs;
    if (value?.kind === "centered" && scalarOf(constantOf(call, 1)) === 2) return { ...value, kind: "square" };
    throw new Refusal("a power that is no part of a norm", PLAIN);
  },

  ReduceMean: reduceMean,
  Relu: (call) => elementwise(call, plainOf(call), { kind: "activation", function: "relu" }),
  Reshape: reshape,
  Softmax: softmax,

  Split(call) {
    const { attributes, inputs, outputs } = call;
    const sizes = attributes.ints("split") ?? (inputs[1] ? [...constantOf(call, 1).data] : undefined);
    const { channels } = dataOf(call).picture;
    return split(call, sizes ?? outputs.map(() => channels / outputs.length), attributes.int("axis") ?? 0);
  },

  Sqrt(call) {
    const [value] = call.inputs;
    if (value?.kind === "variance") return { ...value, kind: "deviation" };
    throw new Refusal("a root that is no part of a norm", PLAIN);
  },

  Sub(call) {
    const [a, b] = call.inputs;
    if (a?.kind === "data" && b?.kind === "mean" && isSameView(a, b.of)) return { ...b, kind: "centered" };
    throw new Refusal("a difference that is no part of a norm", PLAIN);
  },

  Transpose(call) {
    const [value] = call.inputs;
    const perm = call.attributes.ints("perm");
    if (value?.kind === "constant") {
      const order = perm ?? value.tensor.dims.map((_, axis) => axis).reverse();
      return { kind: "constant", tensor: transpose(value.tensor, order) };
    }
    const view = dataOf(call);
    const order = perm ?? view.axes.map((_, axis) => axis).reverse();
    if (`${[...order].sort((x, y) => x - y)}` !== `${view.axes.map((_, axis) => axis)}`) {
      throw new Refusal(`perm of ${order} of ${view.axes.length} axes`, "every axis once");
    }
    return transposed(view, order);
  },
};
