import { sumLanes } from "../simd/lanes";
import { bytesEnd } from "./bytes";

/**
 * Σ_k code[k] · u[k] of fields with codes in the order of bytes.ts, where u is the field with its highest bit flipped (bits 2 and 4: the
 * weight plus 2^(bits − 1)) or as it is (bits 1).
 *
 * Relaxed dot products are exact here on every machine: the first operand is the code, an i8; the second is u, in place, so at most
 * 15, and two products stay below 2^15. Sums of fields in place are whole multiples of their place and below 2^31 for 2^20 inputs.
 */
export function flippedFields(bits: u32, weights: usize, ordered: usize, inputs: u32): i32 {
  const mask = v128.load32_splat(ordered, 8);
  const flip = v128.load32_splat(ordered, 12);
  const next = i8x16.shl(mask, bits); // the second field of every byte, or half byte
  const third = i8x16.shl(mask, 2);
  const fourth = i8x16.shl(mask, 3);
  let low = i32x4.splat(0);
  let high = i32x4.splat(0);
  let sum1 = i32x4.splat(0);
  let sum1High = i32x4.splat(0);
  let sum2 = i32x4.splat(0);
  let sum3 = i32x4.splat(0);
  const end = bytesEnd(bits, inputs, ordered);
  for (let codes = ordered + 16; codes < end; weights += 16, codes += 128 / bits) {
    const u = bits == 1 ? v128.load(weights) : v128.xor(v128.load(weights), flip);
    const v = i16x8.shr_u(u, 4); // the masks below drop what crosses bytes
    if (bits == 4) {
      low = dotAdd(v128.load(codes), v128.and(u, mask), low);
      high = dotAdd(v128.load(codes, 16), v128.and(v, mask), high);
    } else if (bits == 2) {
      low = dotAdd(v128.load(codes), v128.and(u, mask), low);
      sum1 = dotAdd(v128.load(codes, 16), v128.and(u, next), sum1);
      high = dotAdd(v128.load(codes, 32), v128.and(v, mask), high);
      sum1High = dotAdd(v128.load(codes, 48), v128.and(v, next), sum1High);
    } else {
      low = dotAdd(v128.load(codes), v128.and(u, mask), low);
      sum1 = dotAdd(v128.load(codes, 16), v128.and(u, next), sum1);
      sum2 = dotAdd(v128.load(codes, 32), v128.and(u, third), sum2);
      sum3 = dotAdd(v128.load(codes, 48), v128.and(u, fourth), sum3);
      high = dotAdd(v128.load(codes, 64), v128.and(v, mask), high);
      sum1High = dotAdd(v128.load(codes, 80), v128.and(v, next), sum1High);
      sum2 = dotAdd(v128.load(codes, 96), v128.and(v, third), sum2);
      sum3 = dotAdd(v128.load(codes, 112), v128.and(v, fourth), sum3);
    }
  }
  return (
    sumLanes(i32x4.add(low, high)) +
    (sumLanes(i32x4.add(sum1, sum1High)) >> bits) +
    (sumLanes(sum2) >> 2) +
    (sumLanes(sum3) >> 3)
  );
}

/** acc + products of codes (i8) and fields (0 … 127), four of them in each lane. */
function dotAdd(codes: v128, fields: v128, acc: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, fields, acc);
}
