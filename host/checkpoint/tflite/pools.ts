import { divisorOf } from "../../graph/ops/avgpool.ts";
import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import { type FixedFactor, type FixedRounding, fixedFactor } from "../../numbers/fixed_point.ts";
import { Refusal } from "../refusal.ts";
import {
  axisOf,
  type Call,
  type Codes,
  codesResult,
  integersOf,
  optionsOf,
  plainOperand,
  sameQuantization,
  shapeOf,
} from "./call.ts";
import { checkSums, emitCodes, emitRescale, emitStep } from "./emit.ts";
import { ROUNDING } from "./kernels.ts";
import { stepsOf, VALID, windowOf } from "./window.ts";

function poolWindow(call: Call, input: Codes): { window: PaddedWindow; activation: number } {
  const options = optionsOf(call, 5);
  const kernel = { kernelWidth: options.number(3, "i32"), kernelHeight: options.number(4, "i32") };
  const window = windowOf({ ...stepsOf(options), ...kernel }, input.picture);
  return { window, activation: options.number(5, "i8") };
}

/** The sum of a window's codes q by their count, rounded to the nearest, ties away from 0. */
export function averagePool(call: Call): Codes {
  const input = plainOperand(call, 0, true);
  const { channels } = input.picture;
  const { window, activation } = poolWindow(call, input);
  const picture = { ...windowSize(window, input.picture), channels };
  sameQuantization(call, input);
  const divisor = divisorOf({ window, countsPadding: false }, input.picture);
  if (divisor === undefined) {
    throw new Refusal("its divisor depends on the position, since padding is not counted", "VALID padding");
  }
  const sums = emitSums(call, input, window, divisor);
  const by = Float64Array.of(divisor);
  return emitCodes(call, emitStep(call, sums, channels, { kind: "div", by }), picture, activation, "HALF_UP");
}

export function maxPool(call: Call): Codes {
  const { name, fresh, emit } = call;
  const input = plainOperand(call, 0, true);
  const { channels } = input.picture;
  const { window, activation } = poolWindow(call, input);
  const picture = { ...windowSize(window, input.picture), channels };
  sameQuantization(call, input);
  const isPlain = activation === 0;
  const output = isPlain ? call.value : fresh(`${name}_pooled`);
  emit({ op: "maxpool", name, inputs: [input.value], output, channels, window });
  return isPlain ? codesResult(call, picture) : emitCodes(call, output, picture, activation, "ROUND");
}

/** The mean over all lines, all positions, or both (`QuantizedMeanOrSum` of reference/reduce.h): the sum times one factor, of which the count is part. */
export function mean(call: Call): Codes {
  const input = plainOperand(call, 0, true);
  const { height, width, channels } = input.picture;
  const axes = new Set(integersOf(call, 1, "axes").map((axis) => axisOf(call, axis, shapeOf(input).length)));
  const [y, x] = [input.row.length - 2, input.row.length - 1]; // of heights and widths, where there are such axes
  const isPosition = (axis: number) => axis >= 1 && (axis === x || axis === y);
  if (![...axes].every(isPosition)) {
    throw new Refusal(`it is taken over the axes [${[...axes]}] of [${shapeOf(input)}]`, "height, width, or both");
  }
  const [kernelHeight, kernelWidth] = [axes.has(y) ? height : 1, axes.has(x) ? width : 1];
  const sizes = { kernelHeight, kernelWidth, strideY: 1, strideX: 1, padding: VALID };
  const window = windowOf(sizes, input.picture);
  const picture = { ...windowSize(window, input.picture), channels };
  const { scale } = codesResult(call, picture);
  const count = kernelHeight * kernelWidth;
  const factors = [meanFactor(input.scale / scale, count, ROUNDING[call.kernels].mean)];
  checkSums(Float64Array.of(255 * count), factors);
  const sums = emitSums(call, input, window, count);
  const scaled = emitRescale(call, sums, channels, factors);
  return emitCodes(call, scaled, picture, 0, "ROUND");
}

/** A factor by a count, of which as much of the quotient is kept as fits 31 bits, and the rest cut off. */
function meanFactor(real: number, count: number, rounding: FixedRounding): FixedFactor {
  const factor = fixedFactor(real, rounding);
  const bits = Math.min(Math.floor(Math.log2(count)), 32, 31 + factor.shift);
  const multiplier = Number((BigInt(factor.multiplier) << BigInt(bits)) / BigInt(count));
  return { multiplier, shift: factor.shift - bits, rounding };
}

/** Sums of the codes in a window of so many: the mean of their products by the count, which is exact. */
function emitSums(call: Call, input: Codes, window: PaddedWindow, count: number): string {
  const { name, fresh, emit } = call;
  const { channels } = input.picture;
  const scaled = emitStep(call, input.value, channels, { kind: "mul", by: Float64Array.of(count) });
  const sums = fresh(`${name}_sums`);
  emit({ op: "avgpool", name, inputs: [scaled], output: sums, channels, window, countsPadding: false });
  return sums;
}
