import { type FixedSoftmax, fixedSoftmax } from "./fixed_softmax.ts";

/** Softmax of a vector, in place: in float64, the greatest element subtracted first, so that nothing overflows; or of codes, in fixed point. */
export function softmax(x: Float64Array, fixed?: FixedSoftmax): void {
  if (fixed) {
    fixedSoftmax(x, fixed);
    return;
  }
  const max = x.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (let c = 0; c < x.length; c++) {
    x[c] = Math.exp(x[c]! - max);
    sum += x[c]!;
  }
  for (let c = 0; c < x.length; c++) x[c]! /= sum;
}
