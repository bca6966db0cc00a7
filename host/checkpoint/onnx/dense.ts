import { CheckpointError } from "../../base/errors.ts";
import type { Step } from "../../numbers/step.ts";
import { Refusal } from "../refusal.ts";
import { elements } from "../tensor.ts";
import { weightsOf } from "../weights.ts";
import {
  type Call,
  type Constant,
  constantOperand,
  type Data,
  dataOperand,
  operand,
  requireFinite,
  rowShape,
  shapeText,
  type Value,
} from "./call.ts";
import { emit, type Piece, spread, transposeConstant, vector } from "./emit.ts";
import { type Pictured, placesOf } from "./picture.ts";

// Matrix products.

export function matMul(call: Call): Value {
  if (operand(call, 0).kind === "constant") {
    throw new Refusal("its weights are on the left", "data on the left, weights on the right: x · W");
  }
  const x = dataOperand(call, 0);
  return dense(call, x, constantOperand(call, 1, "weight matrix"), "(K, M)");
}

/** alpha · x · B + beta · C. */
export function gemm(call: Call): Value {
  const { attributes } = call;
  if (attributes.int("transA")) throw new Refusal("transA is set", "one row per sample: transA = 0");
  const layout = attributes.int("transB") ? "(M, K)" : "(K, M)";
  const alpha = attributes.float("alpha") ?? 1;
  const beta = attributes.float("beta") ?? 1;
  const bias = call.inputs[2] ? constantOperand(call, 2, "bias C") : undefined;

  return dense(call, dataOperand(call, 0), constantOperand(call, 1, "weight matrix"), layout, (product) => {
    const after: Step[] = [];
    if (alpha !== 1) after.push({ kind: "mul", by: vector(alpha) });
    if (bias && beta !== 0) after.push({ kind: "add", by: spread(call, bias, product).map((c) => c * beta) });
    return after;
  });
}

/** x · W, then `after`, which is asked once the product's shape is known. */
function dense(
  call: Call,
  x: Data,
  constant: Constant,
  layout: "(M, K)" | "(K, M)",
  after: (product: Data) => Step[] = () => [],
): Data {
  if (constant.dims.length !== 2) {
    throw new Refusal(`its weights have shape ${shapeText(constant.dims)}`, "a matrix");
  }
  requireFinite(call, constant);
  const oriented = layout === "(M, K)" ? constant : transposeConstant(call, constant, [1, 0]);
  const [outputs, inputs] = oriented.dims as [number, number];
  if (x.dims.at(-1) !== inputs || inputs === 0 || outputs === 0) {
    throw new CheckpointError(
      `${call.opType} "${call.name}": ${shapeText(x.dims)} times weights ${layout} of shape ${shapeText(constant.dims)}`,
    );
  }
  const { picture, ...vector } = x;
  if (elements(rowShape(x.dims)) !== inputs) {
    throw new Refusal("a row holds several vectors", "a Flatten or Reshape to one vector per sample before it");
  }
  const { weights, notes } = weightsOf(picture ? inOrderOf(call, oriented, picture) : oriented, call.sink.keepsFloats);
  call.sink.notes.push(...notes);
  const dims = x.dims.with(-1, outputs);
  const steps = after({ ...vector, dims }).map((step): Piece => ({ op: "step", step }));
  return emit(call, vector, [{ op: "dense", weights }, ...steps], dims);
}

/** Weights (M, K) of a flat picture, in the order in which the graph has its elements. */
function inOrderOf(call: Call, constant: Constant, picture: Pictured): Constant {
  const places = placesOf(picture);
  call.sink.spend((constant.grid ? 3 : 1) * constant.data.length);
  const move = (data: Float64Array) => data.map((_, i) => data[i - (i % places.length) + places[i % places.length]!]!);
  const { grid } = constant;
  const moved = grid && { ...grid, codes: move(grid.codes), scale: move(grid.scale) };
  return { ...constant, data: move(constant.data), ...(moved && { grid: moved }) };
}
