import { sumLanes } from "../simd/lanes";
import { bytesEnd } from "./bytes";

/**
 * Σ_k code[k] · u[k] of fields, with codes in the order of bytes.ts, where u is the field with its highest bit flipped: the weight plus
 * 2^(bits − 1); a field of one bit stays as it is.
 *
 * Relaxed dot products are exact here on every machine: the first operand is the code, an i8; the second is u where it stands in its byte
 * (half byte), so at most 15, and two products stay below 2^15. A field in the second place counts fourfold (twofold for one
 * bit): sums of such are below 2^31 for 2^20 inputs, and a shift at the end makes up for it.
 *
 * A dot product takes four or five cycles and two can start in each: hence the many sums, eight where registers allow.
 */

/** Fields of two bits. */
export function flippedFields2(weights: usize, ordered: usize, inputs: u32): i32 {
  const first = v128.load32_splat(ordered, 8);
  const flip = v128.load32_splat(ordered, 12);
  const second = i8x16.shl(first, 2);
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let b3 = i32x4.splat(0);
  const end = bytesEnd(2, inputs, ordered);
  let codes = ordered + 16;
  for (; codes + 128 <= end; weights += 32, codes += 128) {
    const u = v128.xor(v128.load(weights), flip);
    const v = i16x8.shr_u(u, 4); // the masks drop what crosses bytes
    a0 = dotAdd(v128.load(codes), v128.and(u, first), a0);
    a1 = dotAdd(v128.load(codes, 16), v128.and(u, second), a1);
    a2 = dotAdd(v128.load(codes, 32), v128.and(v, first), a2);
    a3 = dotAdd(v128.load(codes, 48), v128.and(v, second), a3);
    const x = v128.xor(v128.load(weights, 16), flip);
    const y = i16x8.shr_u(x, 4);
    b0 = dotAdd(v128.load(codes, 64), v128.and(x, first), b0);
    b1 = dotAdd(v128.load(codes, 80), v128.and(x, second), b1);
    b2 = dotAdd(v128.load(codes, 96), v128.and(y, first), b2);
    b3 = dotAdd(v128.load(codes, 112), v128.and(y, second), b3);
  }
  if (codes < end) {
    const u = v128.xor(v128.load(weights), flip);
    const v = i16x8.shr_u(u, 4);
    a0 = dotAdd(v128.load(codes), v128.and(u, first), a0);
    a1 = dotAdd(v128.load(codes, 16), v128.and(u, second), a1);
    a2 = dotAdd(v128.load(codes, 32), v128.and(v, first), a2);
    a3 = dotAdd(v128.load(codes, 48), v128.and(v, second), a3);
  }
  const inFirst = i32x4.add(i32x4.add(a0, a2), i32x4.add(b0, b2));
  const inSecond = i32x4.add(i32x4.add(a1, a3), i32x4.add(b1, b3));
  return sumLanes(i32x4.add(inFirst, i32x4.shr_s(inSecond, 2)));
}

/** Fields of four bits. */
export function flippedFields4(weights: usize, ordered: usize, inputs: u32): i32 {
  const first = v128.load32_splat(ordered, 8);
  const flip = v128.load32_splat(ordered, 12);
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  const end = bytesEnd(4, inputs, ordered);
  let codes = ordered + 16;
  for (; codes + 64 <= end; weights += 32, codes += 64) {
    const u = v128.xor(v128.load(weights), flip);
    a0 = dotAdd(v128.load(codes), v128.and(u, first), a0);
    a1 = dotAdd(v128.load(codes, 16), v128.and(i16x8.shr_u(u, 4), first), a1);
    const x = v128.xor(v128.load(weights, 16), flip);
    b0 = dotAdd(v128.load(codes, 32), v128.and(x, first), b0);
    b1 = dotAdd(v128.load(codes, 48), v128.and(i16x8.shr_u(x, 4), first), b1);
  }
  if (codes < end) {
    const u = v128.xor(v128.load(weights), flip);
    a0 = dotAdd(v128.load(codes), v128.and(u, first), a0);
    a1 = dotAdd(v128.load(codes, 16), v128.and(i16x8.shr_u(u, 4), first), a1);
  }
  return sumLanes(i32x4.add(i32x4.add(a0, a1), i32x4.add(b0, b1)));
}

/** Fields of one bit: four masks leave room for six sums. */
export function fields1(weights: usize, ordered: usize, inputs: u32): i32 {
  const first = v128.load32_splat(ordered, 8);
  const second = i8x16.shl(first, 1);
  const third = i8x16.shl(first, 2);
  const fourth = i8x16.shl(first, 3);
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  const end = bytesEnd(1, inputs, ordered);
  for (let codes = ordered + 16; codes < end; weights += 16, codes += 128) {
    const u = v128.load(weights);
    const v = i16x8.shr_u(u, 4);
    a0 = dotAdd(v128.load(codes), v128.and(u, first), a0);
    a1 = dotAdd(v128.load(codes, 16), v128.and(u, second), a1);
    a2 = dotAdd(v128.load(codes, 32), v128.and(u, third), a2);
    a3 = dotAdd(v128.load(codes, 48), v128.and(u, fourth), a3);
    b0 = dotAdd(v128.load(codes, 64), v128.and(v, first), b0);
    b1 = dotAdd(v128.load(codes, 80), v128.and(v, second), b1);
    a2 = dotAdd(v128.load(codes, 96), v128.and(v, third), a2);
    a3 = dotAdd(v128.load(codes, 112), v128.and(v, fourth), a3);
  }
  const lower = i32x4.add(i32x4.add(a0, b0), i32x4.shr_s(i32x4.add(a1, b1), 1));
  const upper = i32x4.add(i32x4.shr_s(a2, 2), i32x4.shr_s(a3, 3));
  return sumLanes(i32x4.add(lower, upper));
}

/** acc + products of codes (i8) and fields (0 … 15), four of them in each lane. */
function dotAdd(codes: v128, fields: v128, acc: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, fields, acc);
}
