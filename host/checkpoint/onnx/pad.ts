import { keepsCodes } from "../../graph/carry.ts";
import type { Weights } from "../../graph/ops/weights.ts";
import { dequantize, type Quantizer, quantize } from "../../numbers/quantizer.ts";
import { applySteps, type Step } from "../../numbers/step.ts";
import { Refusal } from "../refusal.ts";
import { isExtent, MAX_EXTENT, NO_PADDING, type Padding, widened } from "../window.ts";
import {
  axisOf,
  type Call,
  constantOperand,
  type Data,
  integers,
  requireFinite,
  shapeText,
  type Value,
} from "./call.ts";
import { pictureOperand, sized } from "./conv.ts";
import { emit, vector } from "./emit.ts";

/**
 * Pad(X, pads, value, axes): zeros around pictures, which a Conv takes as its padding, and channels of zeros (`settle`). `pads` are all before, then all after; an attribute before
 * operator set 11, as the value is.
 */
export function pad(call: Call): Value {
  const x = pictureOperand(call, 0);
  const mode = call.attributes.text("mode") ?? "constant";
  if (mode !== "constant") throw new Refusal(`mode "${mode}"`, "a Pad with zeros");
  const value = call.inputs[2] ? constantOperand(call, 2, "value") : undefined;
  if (value) requireFinite(call, value);
  const filled = value?.data[0] ?? call.attributes.float("value") ?? 0;
  const zero = x.quantized?.zero ?? vector(0);
  if (zero.some((z) => z !== filled)) {
    const instead = x.quantized ? `a Pad with its zero point ${zero[0]}` : "a Pad with zeros";
    throw new Refusal(`it pads with ${filled}`, instead);
  }
  const rank = x.dims.length;
  const axes = integers(call, "axes", 3) ?? x.dims.map((_, axis) => axis);
  const pads = (call.inputs[1] ? [...constantOperand(call, 1, "pads").data] : call.attributes.ints("pads")) ?? [];
  if (pads.length !== 2 * axes.length) {
    throw new Refusal(`${pads.length} pads for ${axes.length} axes`, "two for each axis");
  }
  const added: Padding = { ...NO_PADDING };
  let channelsOfZeros: readonly [number, number] = [0, 0];
  for (const [i, each] of axes.entries()) {
    const [before, after] = [pads[i]!, pads[axes.length + i]!];
    if (!isExtent(before, 0) || !isExtent(after, 0)) {
      throw new Refusal(`pads [${pads}]`, `whole numbers from 0 to ${MAX_EXTENT}`);
    }
    const axis = x.picture.axes[axisOf(call, each, rank) - (rank - x.picture.axes.length)];
    if (axis === "h") [added.top, added.bottom] = [before, after];
    else if (axis === "w") [added.left, added.right] = [before, after];
    else if (axis === "c") channelsOfZeros = [before, after];
    else if (before + after > 0) {
      throw new Refusal(`it pads samples of ${shapeText(x.dims)}`, "padding of positions or channels");
    }
  }
  const { height, width, channels } = x.picture;
  const grown = { height: height + added.top + added.bottom, width: width + added.left + added.right, channels };
  const { top, left, bottom, right } = x.padded ?? NO_PADDING;
  const padded = {
    top: added.top + top,
    left: added.left + left,
    bottom: added.bottom + bottom,
    right: added.right + right,
  };
  const result = { ...x, ...sized(x, grown), padded };
  if (!channelsOfZeros.some((count) => count > 0)) return result;
  const { quantized, integer: _, ...codes } = result;
  if (!quantized) return settle(call, result, channelsOfZeros, call.output);
  const [settled, real] = [result.value, quantized.real].map((value) =>
    settle(call, { ...codes, value }, channelsOfZeros),
  ) as [Data, Data];
  return { ...settled, integer: true, quantized: { ...quantized, real: real.value } };
}

/**
 * Codes and the zeros around them in a picture of their own, with `before` and `after` channels of zeros: a convolution by the unit matrix keeps each number, pads
 * with zeros, and their quantizer makes the same codes of it. Numbers of a float network have no quantizer yet.
 */
export function settle(
  call: Call,
  x: Data,
  [before, after]: readonly [number, number] = [0, 0],
  output = call.sink.fresh(`${x.value}_padded`),
): Data {
  const { padded, ...plain } = x;
  const picture = x.picture!;
  const quantizer = quantizerOf(call, x.value);
  if (!quantizer && !call.sink.keepsFloats) {
    throw new Refusal(
      "it reads what a Pad made of no codes",
      "a quantizer right before the Pad, or a Conv right behind it",
    );
  }
  if (quantizer && (dequantize(quantizer, quantize(quantizer, 0, 0), 0) !== 0 || quantizer.scale.length > 1)) {
    throw new Refusal(
      "a Pad fills up codes of which none is 0, or of several scales",
      "a quantizer of one scale with a code for 0",
    );
  }
  const { channels } = picture;
  const outputs = before + channels + after;
  // without channels of zeros each channel is a group of its own
  const groups = outputs === channels ? channels : 1;
  const inputs = channels / groups;
  call.sink.spend(outputs * inputs);
  const codes = new Int32Array(outputs * inputs);
  for (let c = 0; c < channels; c++) codes[(before + c) * inputs + (c % inputs)] = 1;
  const weights: Weights = { name: call.name, outputs, inputs, codes, scale: vector(1), found: "integers" };
  const window = { kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1 };
  const none = { padTop: 0, padLeft: 0, padBottom: 0, padRight: 0 };
  const size = { ...sized({ ...plain, picture }, { ...picture, channels: outputs }) };
  const own: Quantizer | undefined = quantizer?.kind === "int" ? { ...quantizer, rounding: "ROUND" } : quantizer;
  return emit({ ...call, output }, { ...plain, ...size }, [
    { op: "conv2d", weights, window: widened({ ...window, ...none }, padded), groups },
    ...(own ? [{ op: "quantize", quantizer: own } as const] : []),
  ]);
}

/** The quantizer of a value's codes, perhaps behind ReLUs, pools that pick some, and factors of their scale. */
export function quantizerOf({ sink }: Call, value: string): Quantizer | undefined {
  const factors: Step[] = [];
  let node = sink.makers.get(value);
  while (node?.op === "maxpool" || (node?.op === "step" && keepsCodes(node))) {
    sink.spend(1);
    if (node.op === "step" && node.step.kind !== "relu") factors.unshift(node.step);
    node = sink.makers.get(node.inputs[0]!);
  }
  if (node?.op !== "quantize" || factors.length === 0) return node?.op === "quantize" ? node.quantizer : undefined;
  sink.spend(factors.length * node.quantizer.scale.length);
  return { ...node.quantizer, scale: node.quantizer.scale.map((unit) => applySteps(factors, unit, 0)) };
}
