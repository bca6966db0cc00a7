import { CheckpointError } from "../../base/errors.ts";
import { Refusal } from "../refusal.ts";
import { reshapeDims } from "../reshape.ts";
import { elements } from "../tensor.ts";
import {
  axisOf,
  type Call,
  type Constant,
  constantOperand,
  type Data,
  hasBatch,
  integers,
  MAX_AXES,
  operand,
  rowShape,
  shapeText,
  type Value,
} from "./call.ts";
import { transposeConstant } from "./emit.ts";
import { pictureOf, reshapedPicture, transposedPicture } from "./picture.ts";

// The same elements under another shape, or with their axes in another order.

export function reshape(call: Call): Value {
  const x = operand(call, 0);
  const target = constantOperand(call, 1, "shape");
  if (target.data.length > MAX_AXES) throw new Refusal(`${target.data.length} axes`, `at most ${MAX_AXES}`);
  if (call.attributes.int("allowzero") && target.data.includes(0)) throw new Refusal("a size is 0", "sizes above 0");
  const dims = reshapeDims(x.dims, x.kind === "data" ? x.batch : undefined, [...target.data]);
  const picture = dims && x.kind === "data" && !x.picture ? pictureOf(rowShape(dims)) : undefined;
  if (dims && x.kind === "data" && picture && call.sink.takeAsPicture(x.value, rowShape(dims), picture)) {
    return { ...x, dims, picture };
  }
  return reshaped(x, dims);
}

export function flatten(call: Call): Value {
  const x = operand(call, 0);
  const rank = x.dims.length;
  const axis = call.attributes.int("axis") ?? 1;
  const split = axis === rank ? rank : axisOf(call, axis, rank);
  if (x.kind === "constant") return reshaped(x, [elements(x.dims.slice(0, split)), elements(x.dims.slice(split))]);
  const merged = hasBatch(x.dims) && split > 0 && elements(x.dims.slice(1, split)) === 1;
  return reshaped(x, merged ? [Number.NaN, elements(x.dims.slice(split))] : undefined);
}

export function squeeze(call: Call): Value {
  const x = operand(call, 0);
  const axes = integers(call, "axes", 1)?.map((axis) => axisOf(call, axis, x.dims.length));
  const wrong = axes?.find((axis) => x.dims[axis] !== 1);
  if (wrong !== undefined) {
    throw new Refusal(`axis ${wrong} of ${shapeText(x.dims)} has not size 1`, "axes of size 1, without the batch");
  }
  return reshaped(
    x,
    x.dims.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)),
  );
}

export function unsqueeze(call: Call): Value {
  const x = operand(call, 0);
  const given = integers(call, "axes", 1);
  if (!given) throw new CheckpointError(`Unsqueeze "${call.name}": axes are missing`);
  const rank = x.dims.length + given.length;
  const axes = given.map((axis) => axisOf(call, axis, rank)).sort((a, b) => a - b);
  const dims = [...x.dims];
  for (const axis of axes) dims.splice(axis, 0, 1);
  return reshaped(x, x.kind === "data" && hasBatch(x.dims) && axes[0] === 0 ? undefined : dims);
}

/** The same elements in the same order under another shape; `dims` undefined where that cannot be. */
function reshaped<V extends Data | Constant>(x: V, dims: number[] | undefined): V {
  if (!dims) {
    throw new Refusal(
      `it moves the batch axis, or does not keep the elements of ${shapeText(x.dims)}`,
      "a shape with the batch first and as many elements per sample",
    );
  }
  if (x.kind === "constant" || !x.picture) return { ...x, dims };
  const { picture, ...vector } = x;
  const found = reshapedPicture(picture, rowShape(dims));
  if (found === "moved") {
    throw new Refusal(
      `it makes ${shapeText(dims)} of pictures ${shapeText(x.dims)}`,
      "a shape that keeps their axes, or one vector",
    );
  }
  return { ...(vector as V), dims, ...(found && { picture: found }) };
}

export function transposeOp(call: Call): Value {
  const x = operand(call, 0);
  const rank = x.dims.length;
  const order = call.attributes.ints("perm") ?? x.dims.map((_, axis) => rank - 1 - axis);
  if (order.length !== rank || x.dims.some((_, axis) => !order.includes(axis))) {
    throw new CheckpointError(`Transpose "${call.name}": perm [${order}] of a tensor with ${rank} axes`);
  }
  if (x.kind === "constant") return transposeConstant(call, x, order);
  if (x.picture && !x.picture.flat && hasBatch(x.dims) && order[0] === 0) {
    const picture = transposedPicture(
      x.picture,
      order.slice(1).map((axis) => axis - 1),
    );
    return { ...x, dims: order.map((axis) => x.dims[axis]!), picture };
  }
  const moving = order.filter((axis) => x.dims[axis] !== 1); // moving axes of size 1 changes no order
  if (moving.some((axis, i) => i > 0 && axis < moving[i - 1]!) || (hasBatch(x.dims) && order[0] !== 0)) {
    throw new Refusal("it reorders data", "weights that are stored in the order of the data");
  }
  return { ...x, dims: order.map((axis) => x.dims[axis]!) };
}
