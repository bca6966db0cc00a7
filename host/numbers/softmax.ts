import { type FixedSoftmax, fixedSoftmax } from "./fixed_softmax.ts";
import { dequantize, type Quantizer, quantize } from "./quantizer.ts";

/** Softmax of a vector, in place: in float64, the greatest element subtracted first, so that nothing overflows; or of codes, in fixed point. A quantizer rounds it to the numbers of its codes. */
export function softmax(x: Float64Array, fixed?: FixedSoftmax, quantizer?: Quantizer): void {
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
  for (let c = 0; c < x.length; c++) {
    x[c]! /= sum;
    if (quantizer) x[c] = dequantize(quantizer, quantize(quantizer, x[c]!, c), c);
  }
}
