/** Softmax of a vector, in place, in float64. The greatest element is subtracted first, so nothing overflows. */
export function softmax(x: Float64Array): void {
  const max = x.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (let c = 0; c < x.length; c++) {
    x[c] = Math.exp(x[c]! - max);
    sum += x[c]!;
  }
  for (let c = 0; c < x.length; c++) x[c]! /= sum;
}
