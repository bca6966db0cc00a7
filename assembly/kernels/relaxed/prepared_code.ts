import { blockBytes, HEADER, partOf, Row, storeParts, sumLanes2, sumLanes4, zeroOf } from "../common/bytes";
import { fieldBits, fieldSum } from "../common/fields";
import { dots2, dots4 } from "../common/narrow";

/**
 * sums[r, c] = factor · Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k] for fields of 1, 2 or 4 bits, with rows prepared as in
 * ../common/wide.ts; two channels share the codes, or four of four bits. The last vector of weights may reach up to 12 bytes past its row, where codes are 0.
 *
 * Relaxed dot products are exact here on every machine: the first operand is the code, an i8; the second is a field where it stands in its
 * byte (half byte), so at most 15, and two products stay below 2^15. A field in the second place of four counts fourfold: sums
 * of such are below 2^31 for 2^20 inputs, and a shift at the end makes up for it.
 */
export function preparedCode(
  packing: u32,
  offset: i32,
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  const bits = fieldBits(packing);
  const factor = bits == 1 ? -2 : 1;
  const bias = bits == 1 ? 1 : -offset;
  const bytes = blockBytes(bits, inputs);
  const part = partOf(channels, bits == 4 ? 4 : 2);
  const partBytes = part * weightStep;
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const high = load<i32>(codes, Row.high);
    const sum = load<i32>(codes, Row.sum);
    const wide = load<i32>(codes, Row.wide);
    let a = weights;
    for (let first: u32 = 0; first < part; first++, a += weightStep) {
      const left = channels - first;
      const b = part < left ? a + partBytes : a;
      const c = part * 2 < left ? b + partBytes : a;
      const d = part * 3 < left ? c + partBytes : a;
      let found: v128;
      if (bits == 1) found = wide1(a, b, codes, bytes);
      else if (bits == 2) found = dots2(a, b, codes, bytes);
      else if (wide) found = wide4(a, b, c, d, codes, bytes);
      else found = dots4(a, b, c, d, codes, bytes);
      if (high) {
        let fieldSums = i32x4.splat(fieldSum(bits, a, inputs));
        fieldSums = i32x4.replace_lane(fieldSums, 1, fieldSum(bits, b, inputs));
        if (bits == 4) {
          fieldSums = i32x4.replace_lane(fieldSums, 2, fieldSum(bits, c, inputs));
          fieldSums = i32x4.replace_lane(fieldSums, 3, fieldSum(bits, d, inputs));
        }
        found = i32x4.add(found, i32x4.mul(fieldSums, i32x4.splat(high)));
      }
      found = i32x4.add(i32x4.mul(found, i32x4.splat(factor)), i32x4.splat(bias * sum));
      storeParts(sums + (first << 2), found, part, left, bits == 4 ? 4 : 2);
    }
  }
}

/** Fields of four bits, of four channels. */
function wide4(a: usize, b: usize, c: usize, d: usize, row: usize, bytes: u32): v128 {
  const mask = v128.load32_splat(row, Row.mask);
  const zero = zeroOf(mask);
  let a0 = zero;
  let a1 = zero;
  let b0 = zero;
  let b1 = zero;
  let c0 = zero;
  let c1 = zero;
  let d0 = zero;
  let d1 = zero;
  let codes = row + HEADER;
  for (const end = codes + bytes; codes < end; a += 16, b += 16, c += 16, d += 16, codes += 32) {
    const low = v128.load(codes);
    const high = v128.load(codes, 16);
    const wordsA = v128.load(a);
    a0 = dotAdd(low, v128.and(wordsA, mask), a0);
    a1 = dotAdd(high, v128.and(i16x8.shr_u(wordsA, 4), mask), a1);
    const wordsB = v128.load(b);
    b0 = dotAdd(low, v128.and(wordsB, mask), b0);
    b1 = dotAdd(high, v128.and(i16x8.shr_u(wordsB, 4), mask), b1);
    const wordsC = v128.load(c);
    c0 = dotAdd(low, v128.and(wordsC, mask), c0);
    c1 = dotAdd(high, v128.and(i16x8.shr_u(wordsC, 4), mask), c1);
    const wordsD = v128.load(d);
    d0 = dotAdd(low, v128.and(wordsD, mask), d0);
    d1 = dotAdd(high, v128.and(i16x8.shr_u(wordsD, 4), mask), d1);
  }
  return inline.always(sumLanes4(i32x4.add(a0, a1), i32x4.add(b0, b1), i32x4.add(c0, c1), i32x4.add(d0, d1)));
}

/** Fields of one bit. */
function wide1(a: usize, b: usize, row: usize, bytes: u32): v128 {
  const mask = v128.load32_splat(row, Row.mask);
  let sumA = i32x4.splat(0);
  let sumB = i32x4.splat(0);
  let codes = row + HEADER;
  for (const end = codes + bytes; codes < end; a += 16, b += 16) {
    let bitsA = v128.load(a);
    let bitsB = v128.load(b);
    for (const next = codes + 128; codes < next; codes += 16) {
      const c = v128.load(codes);
      sumA = dotAdd(c, v128.and(bitsA, mask), sumA);
      sumB = dotAdd(c, v128.and(bitsB, mask), sumB);
      bitsA = i16x8.shr_u(bitsA, 1);
      bitsB = i16x8.shr_u(bitsB, 1);
    }
  }
  return inline.always(sumLanes2(sumA, sumB));
}

/** acc + products of codes (i8) and fields (0 … 30), four of them in each lane. */
function dotAdd(codes: v128, fields: v128, acc: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, fields, acc);
}
