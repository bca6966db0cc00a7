import { CheckpointError } from "../../base/errors.ts";
import type { Node } from "../../graph/graph.ts";
import { dequantize, quantize } from "../../numbers/quantizer.ts";
import { applySteps, type Step } from "../../numbers/step.ts";
import { bitsOf } from "../grid.ts";
import { Refusal } from "../refusal.ts";
import { broadcastDims, broadcastTo, elements, transpose } from "../tensor.ts";
import { shortest } from "../weights.ts";
import {
  type Call,
  type Constant,
  channelsOf,
  type Data,
  type Grid,
  hasBatch,
  requireFinite,
  rowShape,
  type Sink,
  shapeText,
  type Value,
} from "./call.ts";
import { perChannel } from "./picture.ts";

// What the ops share: how nodes come into the graph, and how constants go with data.

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;
export type Piece = DistributiveOmit<Node, "name" | "inputs" | "output" | "channels">;

/** Adds graph nodes, one reading the other, for one ONNX node; the last defines the ONNX node's output. */
export function emit(
  call: Pick<Call, "name" | "output" | "sink">,
  data: Data,
  pieces: readonly Piece[],
  dims = data.dims,
): Data {
  const { quantized: _, stored: __, ...x } = data;
  const { name, output: last, sink } = call;
  const result: Data = { ...x, dims };
  if (x.padded && !pieces.every((piece) => keepsZero(piece, channelsOf(x)))) {
    throw new Refusal(
      "what a Pad made is 0 there, and becomes another number",
      "a Pad right before the Conv, with its zeros",
    );
  }
  const channels = channelsOf(result);
  sink.spend(channels * pieces.length);
  for (const [i, piece] of pieces.entries()) {
    const input = result.value;
    const output = i === pieces.length - 1 ? last : sink.fresh(`${last}_${i}`);
    const suffix = piece.op === "step" ? piece.step.kind : piece.op;
    const node: Node = { ...piece, name: i === 0 ? name : `${name}_${suffix}`, inputs: [input], output, channels };
    sink.nodes.push(node);
    sink.makers.set(output, node);
    result.value = output;
    if (SUMS.has(piece.op)) result.single = false;
    else if (piece.op === "quantize") result.single = true;
  }
  return result;
}

/** Ops whose results in f32 depend on the order of their sums. */
const SUMS: ReadonlySet<Piece["op"]> = new Set(["dense", "conv2d", "avgpool", "add"]);

/** Whether a piece makes 0 of 0, in every channel. */
function keepsZero(piece: Piece, channels: number): boolean {
  if (piece.op !== "quantize" && piece.op !== "step") return false;
  return Array.from({ length: channels }, (_, c) =>
    piece.op === "step"
      ? applySteps([piece.step], 0, c)
      : dequantize(piece.quantizer, quantize(piece.quantizer, 0, c), c),
  ).every((x) => x === 0);
}

/** Per-element function: graph nodes for data, a computed constant for a constant. */
export function apply<V extends Data | Constant>(call: Call, x: V, steps: readonly Step[]): V;
export function apply(call: Call, x: Data | Constant, steps: readonly Step[]): Value {
  if (x.kind === "data") {
    return emit(
      call,
      x,
      steps.map((step) => ({ op: "step", step })),
    );
  }
  call.sink.spend((x.grid ? 2 : 1) * x.data.length * steps.length);
  const map = (data: Float64Array): Float64Array => data.map((element, i) => applySteps(steps, element, i));
  const { kind, name, dims, integer } = x;
  const result: Constant = { kind, name, dims, integer, data: map(x.data) };
  const grid = steps.every(onlyScales) ? (x.grid ?? integerGrid(call, x)) : undefined;
  if (grid) result.grid = { ...grid, scale: map(grid.scale) } satisfies Grid;
  return result;
}

/** Integers that weights may have as codes, before a scale makes floats of them. */
function integerGrid(call: Call, { data, dims, stored }: Constant): Grid | undefined {
  if (dims.length < 2 || !data.every((x) => Number.isInteger(x) && Math.abs(x) <= MAX_INTEGER_CODE)) return undefined;
  call.sink.spend(2 * data.length);
  const scale = new Float64Array(data.length).fill(1);
  return { codes: data, scale, bits: stored?.bits ?? bitsOf(data), found: "integers" };
}

/** Wider integers are no codes of weights. */
const MAX_INTEGER_CODE = 128;

function onlyScales(step: Step): boolean {
  return (step.kind === "mul" || step.kind === "div") && !step.by.includes(0);
}

/**
 * A constant operand as a vector that goes with `x`: one entry per channel of data or per element of a constant, or a
 * single entry where all are equal. Throws Refusal for one that is not the same at all positions of a picture.
 */
export function spread(call: Call, constant: Constant, x: Data | Constant): Float64Array {
  if (x.kind === "constant") call.sink.spend(constant.data.length);
  else requireFinite(call, constant); // among constants NaN may be the batch size
  const dims = x.kind === "data" && hasBatch(x.dims) ? [1, ...rowShape(x.dims)] : x.dims;
  const joint = broadcastDims(constant.dims, dims);
  if (`${joint}` !== `${dims}`) {
    throw new Refusal(
      `constant "${constant.name}" of shape ${shapeText(constant.dims)} does not fit ${shapeText(x.dims)}`,
      "a constant with one entry, or one per feature",
    );
  }
  const short = shortest(constant.data);
  if (short.length === 1) return short;
  call.sink.spend(elements(dims));
  const whole = broadcastTo(constant, dims);
  if (x.kind === "constant" || !x.picture) return whole;
  const each = perChannel(whole, x.picture);
  if (each) return shortest(each);
  throw new Refusal(
    `constant "${constant.name}" of shape ${shapeText(constant.dims)} differs from position to position`,
    "a constant with one entry, or one per channel",
  );
}

/** `x` repeated to the shape that it has together with another operand of shape `dims`. */
export function enlarge(call: Call, x: Constant, dims: readonly number[]): Constant {
  const joint = broadcastDims(x.dims, dims);
  if (!joint) {
    throw new CheckpointError(`${call.opType} "${call.name}": shapes ${shapeText(x.dims)} and ${shapeText(dims)}`);
  }
  if (`${joint}` === `${x.dims}`) return x;
  call.sink.spend(elements(joint));
  return constant(x.name, joint, broadcastTo(x, joint), x.integer);
}

export function constant(name: string, dims: number[], data: Float64Array, integer: boolean): Constant {
  return { kind: "constant", name, dims, data, integer };
}

export function vector(...entries: number[]): Float64Array {
  return Float64Array.from(entries);
}

/** The axes of a constant in another order. */
export function transposeConstant(
  { sink }: { sink: Pick<Sink, "spend"> },
  x: Constant,
  order: readonly number[],
): Constant {
  sink.spend((x.grid ? 3 : 1) * x.data.length);
  const move = (data: Float64Array): Float64Array => transpose({ dims: x.dims, data }, order).data;
  const dims = order.map((axis) => x.dims[axis]!);
  const moved: Constant = { ...x, dims, data: move(x.data) };
  if (x.grid) moved.grid = { ...x.grid, codes: move(x.grid.codes), scale: move(x.grid.scale) };
  return moved;
}
