import { LEAN } from "../../profiles";
import { blockBytes, HEADER, partOf, Row, storeParts, sumLanes2 } from "../common/bytes";
import { fieldBits } from "../common/fields";

/**
 * sums[r, c] = factor · Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k] for fields of `bits` bits (1, 2 or 4), with rows prepared as in
 * ../common/lanes.ts; two channels at a time share the codes. Sums may wrap on the way: the last one is right modulo 2^32, and
 * fits. The last vector of weights may reach up to 12 bytes past its row, where codes are 0.
 */
function fields(
  bits: u32,
  factor: i32,
  bias: i32,
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
  const bytes = blockBytes(bits, inputs) << 1;
  const half = partOf(channels, 2);
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const add = i32x4.splat(bias * load<i32>(codes, Row.sum));
    let a = weights;
    for (let c: u32 = 0; c < half; c++, a += weightStep) {
      const b = c + half < channels ? a + half * weightStep : a;
      const pair = i32x4.mul(
        bits == 4 ? inline.always(nibbles(a, b, codes, bytes)) : inline.always(products(bits, a, b, codes, bytes)),
        i32x4.splat(factor),
      );
      storeParts(sums + (c << 2), i32x4.add(pair, add), half, channels - c, 2);
    }
  }
}

/** Of fields of 1, 2 or 4 bits, whose rows are prepared. Contract: ../README.md. */
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
  if (LEAN)
    anyFields(
      bits,
      bits == 1 ? -2 : 1,
      bits == 1 ? 1 : -offset,
      weights,
      weightStep,
      channels,
      codes,
      codeStep,
      rows,
      inputs,
      sums,
      sumStep,
    );
  else if (bits == 1) fields1(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  else if (bits == 2) fields2(-offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  else fields4(-offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
}

/** Of 1 bit: the weight is 1 − 2 · bit. */
function fields1(
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
  inline.always(fields(1, -2, 1, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Of 2 bits. */
function fields2(
  bias: i32,
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
  inline.always(fields(2, 1, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Of 4 bits. */
function fields4(
  bias: i32,
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
  inline.always(fields(4, 1, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Of any of these, in one piece of code. */
function anyFields(
  bits: u32,
  factor: i32,
  bias: i32,
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
  inline.always(
    fields(bits, factor, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
  );
}

/** Of two channels, in the lanes 0 and 1. */
function products(bits: u32, a: usize, b: usize, row: usize, bytes: u32): v128 {
  const mask = v128.load32_splat(row, Row.mask);
  let sumA = i32x4.splat(0);
  let sumB = i32x4.splat(0);
  let codes = row + HEADER;
  for (const end = codes + bytes; codes < end; a += 16, b += 16) {
    let evenA = v128.load(a);
    let evenB = v128.load(b);
    let oddA = i16x8.shr_u(evenA, 8);
    let oddB = i16x8.shr_u(evenB, 8);
    for (const next = codes + 256 / bits; codes < next; codes += 32) {
      const even = v128.load(codes);
      const odd = v128.load(codes, 16);
      sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(v128.and(evenA, mask), even));
      sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(v128.and(evenB, mask), even));
      sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(v128.and(oddA, mask), odd));
      sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(v128.and(oddB, mask), odd));
      evenA = i16x8.shr_u(evenA, bits);
      evenB = i16x8.shr_u(evenB, bits);
      oddA = i16x8.shr_u(oddA, bits);
      oddB = i16x8.shr_u(oddB, bits);
    }
  }
  return inline.always(sumLanes2(sumA, sumB));
}

/** Codes of a window of nibbles, in bytes: 2^17, of whose products, 16-fold, a lane gets a fourth: 2^15 · 16 · 15 · 255 < 2^31. */
const WINDOW: usize = 1 << 18;

/**
 * Fields of four bits, with rows as toNibbles of ../common/lanes.ts makes them. A byte is n0 + 16 · n1; so 16 · (n0 · c0 + n1 · c1) is byte · c1 + n0 · (16 · c0 − c1), and
 * the byte and n0 are one mask each.
 */
function nibbles(a: usize, b: usize, row: usize, bytes: u32): v128 {
  const mask = v128.load32_splat(row, Row.mask);
  const byteMask = v128.or(mask, i16x8.shl(mask, 4));
  let sumA = i32x4.splat(0);
  let sumB = i32x4.splat(0);
  let codes = row + HEADER;
  for (const end = codes + bytes; codes < end; ) {
    let laneA = i32x4.splat(0);
    let laneB = i32x4.splat(0);
    for (const stop = min(codes + WINDOW, end); codes < stop; codes += 64, a += 16, b += 16) {
      const wordsA = v128.load(a);
      const wordsB = v128.load(b);
      const c0 = v128.load(codes);
      laneA = i32x4.add(laneA, i32x4.dot_i16x8_s(v128.and(wordsA, mask), c0));
      laneB = i32x4.add(laneB, i32x4.dot_i16x8_s(v128.and(wordsB, mask), c0));
      const c1 = v128.load(codes, 32);
      laneA = i32x4.add(laneA, i32x4.dot_i16x8_s(v128.and(wordsA, byteMask), c1));
      laneB = i32x4.add(laneB, i32x4.dot_i16x8_s(v128.and(wordsB, byteMask), c1));
      const highA = i16x8.shr_u(wordsA, 8);
      const highB = i16x8.shr_u(wordsB, 8);
      const c2 = v128.load(codes, 16);
      laneA = i32x4.add(laneA, i32x4.dot_i16x8_s(v128.and(highA, mask), c2));
      laneB = i32x4.add(laneB, i32x4.dot_i16x8_s(v128.and(highB, mask), c2));
      const c3 = v128.load(codes, 48);
      laneA = i32x4.add(laneA, i32x4.dot_i16x8_s(highA, c3));
      laneB = i32x4.add(laneB, i32x4.dot_i16x8_s(highB, c3));
    }
    sumA = i32x4.add(sumA, i32x4.shr_s(laneA, 4));
    sumB = i32x4.add(sumB, i32x4.shr_s(laneB, 4));
  }
  return inline.always(sumLanes2(sumA, sumB));
}
