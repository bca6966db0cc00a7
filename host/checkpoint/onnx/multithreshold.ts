import { CheckpointError } from "../../base/errors.ts";
import { at, type Quantizer } from "../../numbers/quantizer.ts";
import type { Step } from "../../numbers/step.ts";
import { Refusal } from "../refusal.ts";
import {
  type Call,
  type Constant,
  channelsOf,
  constantOperand,
  type Data,
  dataOperand,
  requireFinite,
  shapeText,
  type Value,
} from "./call.ts";
import { emit, type Piece, vector } from "./emit.ts";
import { MAX_ACTIVATION_BITS } from "./quant.ts";

/** What a vector of one bound takes beside its entries, in elements. */
const VECTOR_ELEMENTS = 16;

/**
 * `MultiThreshold(x, thresholds)`: out_scale · (how many thresholds x has reached) + out_bias, with thresholds (C or 1, steps) in any order (qonnx,
 * `custom_op/general/multithreshold.py`). The number of them is a code, if out_bias is so many scales; else the constant stands behind it.
 */
export function multiThreshold(call: Call): Value {
  const x = dataOperand(call, 0);
  const thresholds = constantOperand(call, 1, "thresholds");
  requireFinite(call, thresholds);
  const [scale, bias] = [call.attributes.float("out_scale") ?? 1, call.attributes.float("out_bias") ?? 0];
  if (scale === 0) throw new Refusal("its out_scale is 0", "an out_scale other than 0");
  const bounds = boundsOf(call, x, thresholds);
  const count = bounds.length;
  const zero = -bias / scale;
  if (count === 1 && zero === 0.5) {
    const sign: Quantizer = { kind: "bipolar", scale: vector(scale / 2) };
    const factor: Piece[] = scale > 0 ? [] : [{ op: "step", step: { kind: "mul", by: vector(-1) } }];
    const positive: Quantizer = { ...sign, scale: sign.scale.map(Math.abs) };
    return emit(call, x, [
      { op: "step", step: { kind: "sub", by: bounds[0]! } },
      { op: "quantize", quantizer: positive },
      ...factor,
    ]);
  }
  const steps: Step[] = [{ kind: "count", bounds }];
  const behind: Step[] = [{ kind: "mul", by: vector(scale) }];
  const isCode = Number.isInteger(zero) && zero >= 0 && zero <= count;
  if (isCode && zero > 0) steps.push({ kind: "sub", by: vector(zero) });
  if (!isCode) behind.push({ kind: "add", by: vector(bias) });
  const piece = (step: Step): Piece => ({ op: "step", step });
  const quantizer = numbersUpTo(count, isCode ? zero : 0);
  return emit(call, x, [...steps.map(piece), { op: "quantize", quantizer }, ...behind.map(piece)]);
}

/** The quantizer that leaves −zero … count − zero as they are. */
function numbersUpTo(count: number, zero: number): Quantizer {
  const bits = Math.ceil(Math.log2(count + 1));
  const signed = zero === 2 ** (bits - 1) && bits > 1;
  return {
    kind: "int",
    scale: vector(1),
    zero: vector(signed ? 0 : zero),
    bits,
    signed,
    narrow: false,
    rounding: "ROUND",
  };
}

/** The thresholds in ascending order: of every step a vector of one entry, or of one per channel. */
function boundsOf(call: Call, x: Data, { name, dims, data }: Constant): Float64Array[] {
  const [rows, count] = dims as [number, number];
  if (dims.length !== 2 || !(rows >= 1 && count >= 1)) {
    throw new CheckpointError(
      `MultiThreshold "${call.name}": thresholds "${name}" of shape ${shapeText(dims)}, expected [channels or 1, steps]`,
    );
  }
  if (count >= 2 ** MAX_ACTIVATION_BITS) {
    throw new Refusal(`it has ${count} steps`, `at most ${2 ** MAX_ACTIVATION_BITS - 1}`);
  }
  if (rows > 1) checkChannels(call, x, rows);
  call.sink.spend(data.length + count * (rows + VECTOR_ELEMENTS));
  const sorted = Array.from({ length: rows }, (_, c) => data.slice(c * count, (c + 1) * count).sort());
  return Array.from({ length: count }, (_, j) => Float64Array.from(sorted, (row) => at(row, j)));
}

/** Thresholds of their own for each entry of the axis that `data_layout` names, which must be the channels. */
function checkChannels(call: Call, { dims, picture, ...x }: Data, rows: number): void {
  const layout = call.attributes.text("data_layout") || "NCHW";
  const axis = layout.indexOf("C");
  if (!["NCHW", "NHWC", "NC", "NCW", "NWC"].includes(layout))
    throw new Refusal(`data_layout "${layout}"`, "NCHW or NHWC");
  const counted = dims.length === 2 ? 1 : axis;
  const isAxis = !picture || picture.flat || picture.axes[counted - (dims.length - picture.axes.length)] === "c";
  if (isAxis && dims[counted] === rows && channelsOf({ ...x, dims, ...(picture && { picture }) }) === rows) return;
  throw new Refusal(
    `its thresholds are those of ${rows} channels, and its input has shape ${shapeText(dims)} in ${layout}`,
    "thresholds for each channel, or one row of them for all",
  );
}
