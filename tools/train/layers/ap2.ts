import { DType, lax, numpy as np } from "@jax-js/jax";
import { straightThrough } from "./quantized.ts";

/** Added to the bits of a number above √2 · 2^k, it carries into the exponent: 2^23 − 0x3504f3, √2 in f32 being 1.0110101…, fraction 0x3504f3. */
const CARRY = 0x800000 - 0x3504f3 - 1;
const EXPONENT = 0x7f800000;

/**
 * AP2(x) = sign(x) · 2^round(log2|x|), the nearest power of two by its logarithm; AP2(0) = 0 (arXiv 1602.02830, section 1.4, says "the index
 * of the most significant bit", which would be the floor; its code rounds). Exact: no float but √2 itself lies between. A multiplication by
 * it is a shift. The paper gives no gradient of it; here that of x passes, as if nothing was rounded.
 */
export function ap2(x: np.Array): np.Array {
  return straightThrough(x.ref, powerOfTwo(x));
}

/** The same without a gradient. */
export function powerOfTwo(x: np.Array): np.Array {
  const constant = lax.stopGradient(x);
  const bits = lax.bitcastConvertType(np.abs(constant.ref), DType.Int32);
  const power = lax.bitcastConvertType(np.bitwiseAnd(bits.add(CARRY), EXPONENT), DType.Float32);
  return power.mul(np.sign(constant));
}

/** AP2 of a number, in float64. */
export function ap2Of(x: number): number {
  return x === 0 ? 0 : Math.sign(x) * 2 ** Math.round(Math.log2(Math.abs(x)));
}
