import { ROUND } from "./round.ts";

/**
 * A factor in fixed point, as TensorFlow Lite's kernels have one: multiplier / 2^31 · 2^shift. `double`: the product is rounded to an integer before
 * the shift rounds it again.
 */
export interface FixedFactor {
  /** 0 … 2^31 − 1. */
  multiplier: number;
  /** −31 … 14. */
  shift: number;
  rounding: FixedRounding;
}

export const FIXED_ROUNDINGS = ["single", "double"] as const;

export type FixedRounding = (typeof FIXED_ROUNDINGS)[number];

/** Shifts of a factor: below, it is 0; above, sums of several places would be lost in 32 bits. */
export const MIN_SHIFT = -31;
export const MAX_SHIFT = 14;

/** Whether a number is a multiplier, or a shift, of a factor. */
export const isMultiplier = (x: number) => isWithin(x, 0, 2 ** 31 - 1);
export const isShift = (x: number) => isWithin(x, MIN_SHIFT, MAX_SHIFT);

export function isWithin(x: number, least: number, most: number): boolean {
  return Number.isInteger(x) && x >= least && x <= most;
}

/** The factor nearest to a real number above 0 (`QuantizeMultiplier` of tensorflow/lite/kernels/internal/quantization_util.cc); its shift may be above MAX_SHIFT. */
export function fixedFactor(real: number, rounding: FixedRounding): FixedFactor {
  let shift = Math.floor(Math.log2(real)) + 1;
  while (real / 2 ** shift >= 1) shift++; // log2 is not exact
  while (real / 2 ** shift < 0.5) shift--;
  let multiplier = Math.round((real / 2 ** shift) * 2 ** 31);
  if (multiplier === 2 ** 31) [multiplier, shift] = [2 ** 30, shift + 1];
  return shift < MIN_SHIFT ? { multiplier: 0, shift: 0, rounding } : { multiplier, shift, rounding };
}

/**
 * x times a factor (`MultiplyByQuantizedMultiplier` of tensorflow/lite/kernels/internal/common.cc), for integers of which x · 2^shift fits 32 bits. Never
 * falls, since all of it is rounded to the nearest.
 */
export function multiplyFixed(x: number, { multiplier, shift, rounding }: FixedFactor): number {
  if (rounding === "single") return roundedProduct(x, multiplier, 31 - shift);
  const left = Math.max(shift, 0);
  return shiftRounded(roundedProduct(x * 2 ** left, multiplier, 31), left - shift);
}

/** ⌊x · multiplier / 2^bits + 1/2⌋ for 17 ≤ bits, exact: the product in two halves, each below 2^47. With 31 bits, gemmlowp's SaturatingRoundingDoublingHighMul. */
export function roundedProduct(x: number, multiplier: number, bits: number): number {
  const high = Math.floor(multiplier / 2 ** 16);
  const low = multiplier - high * 2 ** 16;
  const upper = x * high + Math.floor((x * low) / 2 ** 16);
  return Math.floor((upper + 2 ** (bits - 17)) / 2 ** (bits - 16));
}

/** x / 2^shift to the nearest integer, ties away from 0: gemmlowp's RoundingDivideByPOT. */
export function shiftRounded(x: number, shift: number): number {
  return ROUND.HALF_UP(x / 2 ** shift) + 0; // + 0 turns −0 into 0
}
