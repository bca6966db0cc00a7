import { fixedFactor, isMultiplier, isWithin, roundedProduct, shiftRounded } from "./fixed_point.ts";

/**
 * The softmax of 8-bit codes as TensorFlow Lite's reference kernel computes it, in gemmlowp's fixed point. A difference d of codes from the greatest becomes
 * d · 2^shift · multiplier / 2^31, a number of 26 bits behind the point; below `leastDifference` the result is 0.
 */
export interface FixedSoftmax {
  /** 0 … 2^31 − 1. */
  multiplier: number;
  /** 0 … 31. */
  shift: number;
  /** −255 … 0, or less where no difference is too great. */
  leastDifference: number;
}

/** Bits before the point of scaled differences, and of the sum of exponentials. */
const DIFFERENCE_BITS = 5;
const SUM_BITS = 12;
/** The greatest number of 32 bits, which stands for 1 where no bit is before the point. */
const ONE = 2 ** 31 - 1;
const FRACTION_BITS = 31 - DIFFERENCE_BITS;
/** More classes than this could overflow the sum. */
export const MAX_CLASSES = 2 ** SUM_BITS - 1;

/** The softmax of codes whose step is worth `scale`, times `beta`. */
export function fixedSoftmaxOf(scale: number, beta: number): FixedSoftmax {
  const real = Math.min(beta * scale * 2 ** FRACTION_BITS, 2 ** 31 - 1);
  const { multiplier, shift } = fixedFactor(real, "double");
  const reach = ((2 ** DIFFERENCE_BITS - 1) * 2 ** FRACTION_BITS) / 2 ** shift;
  return { multiplier, shift, leastDifference: -Math.floor(reach) };
}

export function fixedSoftmaxProblem({ multiplier, shift, leastDifference }: FixedSoftmax): string | undefined {
  if (!isMultiplier(multiplier)) return `a multiplier of 0 to 2^31 − 1, found ${multiplier}`;
  if (!isWithin(shift, 0, 31)) return `a shift of 0 to 31, found ${shift}`;
  // a difference stays within 32 bits when it is shifted
  const least = -((2 ** DIFFERENCE_BITS - 1) * 2 ** FRACTION_BITS) / 2 ** shift;
  return isWithin(leastDifference, least, 0) ? undefined : `differences of ${least} to 0, found ${leastDifference}`;
}

/** Codes become probabilities, in place: multiples of 1/256 from 0 to 255/256. */
export function fixedSoftmax(codes: Float64Array, { multiplier, shift, leastDifference }: FixedSoftmax): void {
  const greatest = codes.reduce((a, b) => Math.max(a, b));
  const exponentials = codes.map((code) => {
    const difference = code - greatest;
    return difference < leastDifference ? Number.NaN : exponential(product(difference * 2 ** shift, multiplier));
  });
  const sum = exponentials.reduce((total, x) => (Number.isNaN(x) ? total : total + shiftRounded(x, SUM_BITS)), 0);
  const headroom = Math.clz32(sum);
  const inverse = reciprocal(sum * 2 ** headroom - 2 ** 31);
  const bits = SUM_BITS - headroom + 31 - 8;
  for (const [c, x] of exponentials.entries()) {
    codes[c] = Number.isNaN(x) ? 0 : Math.min(shiftRounded(product(inverse, x), bits), 255) / 256;
  }
}

/** gemmlowp's SaturatingRoundingDoublingHighMul. */
function product(a: number, b: number): number {
  return roundedProduct(a, b, 31);
}

/** e^(−1/4), e^(−1/2), …, e^(−16), 31 bits behind the point. */
const POWERS = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242];

/** e^a for a ≤ 0 of 26 bits behind the point; 31 bits of the result are (gemmlowp's exp_on_negative_values). */
function exponential(a: number): number {
  if (a === 0) return ONE;
  const quarter = 2 ** (FRACTION_BITS - 2);
  const rest = (a & (quarter - 1)) - quarter;
  const others = rest - a;
  let result = exponentialOfQuarter(rest * 2 ** DIFFERENCE_BITS);
  for (const [i, power] of POWERS.entries()) {
    if ((others & (quarter * 2 ** i)) !== 0) result = product(result, power);
  }
  return result;
}

/** e^a for −1/4 ≤ a < 0, 31 bits behind the point: the Taylor series around −1/8. */
function exponentialOfQuarter(a: number): number {
  const [ofEighth, third] = [1895147668, 715827883]; // e^(−1/8) and 1/3
  const x = a + 2 ** 28;
  const x2 = product(x, x);
  const x3 = product(x2, x);
  const x4 = product(x2, x2);
  const higher = shiftRounded(product(shiftRounded(x4, 2) + x3, third) + x2, 1);
  return ofEighth + product(ofEighth, x + higher);
}

/** 1 / (1 + a) for 0 ≤ a < 1, 31 bits behind the point: three steps of Newton and Raphson. */
function reciprocal(a: number): number {
  const half = Math.floor((a + ONE + 1) / 2); // of the denominator
  let x = 1515870810 + product(half, -1010580540); // 48/17 − 32/17 · half, 29 bits behind the point
  for (let i = 0; i < 3; i++) x += product(x, 2 ** 29 - product(half, x)) * 4;
  return Math.min(x * 2, ONE);
}
