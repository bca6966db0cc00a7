import { HEADER, Row, sumLanes2, sumLanes4, zeroOf } from "./bytes";

/**
 * Σ_k field[k] · code[k] of two channels, in lanes 0 and 1, by i16x8.relaxed_dot_i8x16_i7x16_s: where it is one machine instruction
 * and the i32 one is not. Sums of 16 bits are kept for a window of weights.
 */

/** Codes of a window of fields of two bits: five blocks, in which a lane of `second` reaches 5 · 2 · 2 · 12 · 128 = 30,720 < 2^15. */
const WINDOW2: usize = 5 * 64;

export function dots2(a: usize, b: usize, row: usize, bytes: u32): v128 {
  const first = v128.load32_splat(row, Row.mask);
  const second = i8x16.shl(first, 2);
  const zero = zeroOf(first);
  let sumA = zero;
  let sumB = zero;
  let codes = row + HEADER;
  for (const end = codes + bytes; codes < end; ) {
    let firstA = zero;
    let firstB = zero;
    let secondA = zero;
    let secondB = zero;
    for (const stop = min(codes + WINDOW2, end); codes < stop; a += 16, b += 16, codes += 64) {
      const lowA = v128.load(a);
      const lowB = v128.load(b);
      const c0 = v128.load(codes);
      firstA = i16x8.add(firstA, dot(c0, v128.and(lowA, first)));
      firstB = i16x8.add(firstB, dot(c0, v128.and(lowB, first)));
      const c1 = v128.load(codes, 16);
      secondA = i16x8.add(secondA, dot(c1, v128.and(lowA, second)));
      secondB = i16x8.add(secondB, dot(c1, v128.and(lowB, second)));
      const highA = i16x8.shr_u(lowA, 4);
      const highB = i16x8.shr_u(lowB, 4);
      const c2 = v128.load(codes, 32);
      firstA = i16x8.add(firstA, dot(c2, v128.and(highA, first)));
      firstB = i16x8.add(firstB, dot(c2, v128.and(highB, first)));
      const c3 = v128.load(codes, 48);
      secondA = i16x8.add(secondA, dot(c3, v128.and(highA, second)));
      secondB = i16x8.add(secondB, dot(c3, v128.and(highB, second)));
    }
    sumA = inline.always(accumulate(sumA, i16x8.add(firstA, i16x8.shr_s(secondA, 2)))); // at most 15,360
    sumB = inline.always(accumulate(sumB, i16x8.add(firstB, i16x8.shr_s(secondB, 2))));
  }
  return inline.always(sumLanes2(sumA, sumB));
}

/** Codes of a window of fields of four bits: four blocks, in which a lane reaches 4 · 2 · 2 · 15 · 128 = 30,720 < 2^15. */
const WINDOW4: usize = 4 * 32;

export function dots4(a: usize, b: usize, c: usize, d: usize, row: usize, bytes: u32): v128 {
  const mask = v128.load32_splat(row, Row.mask);
  const zero = zeroOf(mask);
  let sumA = zero;
  let sumB = zero;
  let sumC = zero;
  let sumD = zero;
  let codes = row + HEADER;
  for (const end = codes + bytes; codes < end; ) {
    let laneA = zero;
    let laneB = zero;
    let laneC = zero;
    let laneD = zero;
    for (const stop = min(codes + WINDOW4, end); codes < stop; a += 16, b += 16, c += 16, d += 16, codes += 32) {
      const low = v128.load(codes);
      const high = v128.load(codes, 16);
      const wordsA = v128.load(a);
      laneA = i16x8.add(laneA, dot(low, v128.and(wordsA, mask)));
      laneA = i16x8.add(laneA, dot(high, v128.and(i16x8.shr_u(wordsA, 4), mask)));
      const wordsB = v128.load(b);
      laneB = i16x8.add(laneB, dot(low, v128.and(wordsB, mask)));
      laneB = i16x8.add(laneB, dot(high, v128.and(i16x8.shr_u(wordsB, 4), mask)));
      const wordsC = v128.load(c);
      laneC = i16x8.add(laneC, dot(low, v128.and(wordsC, mask)));
      laneC = i16x8.add(laneC, dot(high, v128.and(i16x8.shr_u(wordsC, 4), mask)));
      const wordsD = v128.load(d);
      laneD = i16x8.add(laneD, dot(low, v128.and(wordsD, mask)));
      laneD = i16x8.add(laneD, dot(high, v128.and(i16x8.shr_u(wordsD, 4), mask)));
    }
    sumA = inline.always(accumulate(sumA, laneA));
    sumB = inline.always(accumulate(sumB, laneB));
    sumC = inline.always(accumulate(sumC, laneC));
    sumD = inline.always(accumulate(sumD, laneD));
  }
  return inline.always(sumLanes4(sumA, sumB, sumC, sumD));
}

function dot(codes: v128, fields: v128): v128 {
  return i16x8.relaxed_dot_i8x16_i7x16_s(codes, fields);
}

function accumulate(sums: v128, lanes: v128): v128 {
  return i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(lanes));
}
