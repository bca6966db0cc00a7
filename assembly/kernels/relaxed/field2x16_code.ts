import { blockBytes, HEADER, Row, zeroOf } from "../common/bytes";
import { Wide } from "../common/wide";

/**
 * Fields of two bits of sixteen channels (field2x16) × codes: a vector of weights holds the fields of four inputs and sixteen channels, so its
 * products with these four codes, in all four lanes, are sums of channels: nothing is summed across. Rows are prepared as in ../common/wide.ts, for fields of
 * eight bits: in their own order. Contract: ../README.md; `weights` is where a group begins, and `weightStep` a sixteenth of its bytes.
 */
export function field2x16Code(
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
  for (let left: i32 = channels; left > 0; left -= 16, weights += weightStep << 4, sums += 64) {
    let row = codes;
    let to = sums;
    for (let r: u32 = 0; r < rows; r++, row += codeStep, to += sumStep) {
      const wide = load<i32>(row, Row.wide);
      const work = workOf(row, inputs);
      startSums(offset, weights, row, inputs, work);
      let fields = weights + FIELDS;
      for (let from = row + HEADER; from < work; from += WINDOW, fields += 4 * WINDOW) {
        const end = min(from + WINDOW, work);
        if (wide) wideGroup(wide, fields, row, from, end, work);
        else narrowGroup(fields, row, from, end, work);
      }
      storeGroup(work, to, left);
    }
  }
}

/** Bytes of field sums before a group's fields. */
const FIELDS: usize = 64;

/** Codes of a window in which the products of top fields in place reach 2^16 · 128 · 192 < 2^31; what wraps in the sums that they are the difference of comes back. */
const WINDOW: usize = 1 << 16;

/** Where the sums of a group stand: behind the codes of a row. */
function workOf(row: usize, inputs: u32): usize {
  return row + HEADER + blockBytes(8, inputs);
}

/** What products are added to: what prepared codes lack · Σ field − offset · Σ code, and 2 · Σ prepared code for top fields whose bytes were turned. */
function startSums(offset: i32, fieldSums: usize, row: usize, inputs: u32, work: usize): void {
  const high = v128.load32_splat(row, Row.high);
  const sum = load<i32>(row, Row.sum);
  const add = i32x4.splat(-offset * sum);
  const turned = (load<i32>(row, Row.wide) & Wide.signed) * (sum - load<i32>(row, Row.high) * inputs);
  v128.store(work, i32x4.add(i32x4.mul(v128.load(fieldSums), high), add));
  v128.store(work, i32x4.add(i32x4.mul(v128.load(fieldSums, 16), high), add), 16);
  v128.store(work, i32x4.add(i32x4.mul(v128.load(fieldSums, 32), high), add), 32);
  v128.store(work, i32x4.add(i32x4.mul(v128.load(fieldSums, 48), high), i32x4.add(add, i32x4.splat(turned))), 48);
}

/**
 * By i32x4.relaxed_dot_i8x16_i7x16_add_s, where it takes the second operand as bytes of one sign or the other. A byte less its upper fields gives
 * the sum of the lower ones, which then is taken off: three masks for four fields, and no shift.
 */
function wideGroup(wide: Wide, fields: usize, row: usize, codes: usize, end: usize, work: usize): void {
  const one = i8x16.shr_u(v128.load32_splat(row, Row.mask), 6);
  const two = v128.or(one, i8x16.shl(one, 2));
  const three = v128.or(two, i8x16.shl(one, 4));
  const turn = i8x16.splat(<i8>((wide & Wide.signed) << 6)); // with its top bit turned, a byte less 128 is a signed one
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let b3 = i32x4.splat(0);
  for (; codes < end; codes += 8, fields += 32) {
    const a = v128.load32_splat(codes);
    const inA = v128.load(fields);
    a0 = dotAdd(a, v128.and(inA, one), a0);
    a1 = dotAdd(a, v128.and(inA, two), a1);
    a2 = dotAdd(a, v128.and(inA, three), a2);
    a3 = dotAdd(a, v128.xor(inA, turn), a3);
    const b = v128.load32_splat(codes, 4);
    const inB = v128.load(fields, 16);
    b0 = dotAdd(b, v128.and(inB, one), b0);
    b1 = dotAdd(b, v128.and(inB, two), b1);
    b2 = dotAdd(b, v128.and(inB, three), b2);
    b3 = dotAdd(b, v128.xor(inB, turn), b3);
  }
  a0 = i32x4.add(a0, b0);
  a1 = i32x4.add(a1, b1);
  a2 = i32x4.add(a2, b2);
  a3 = i32x4.add(a3, b3);
  a3 = i32x4.shr_s(i32x4.sub(a3, a2), 6);
  addGroup(work, a0, i32x4.shr_s(i32x4.sub(a1, a0), 2), i32x4.shr_s(i32x4.sub(a2, a1), 4), a3);
}

/** Codes of a window in which a lane of 16 bits reaches 10 · 2 · 128 · 12 < 2^15. */
const NARROW_WINDOW: usize = 40;

/** By i16x8.relaxed_dot_i8x16_i7x16_s. */
function narrowGroup(fields: usize, row: usize, codes: usize, end: usize, work: usize): void {
  const first = i8x16.shr_u(v128.load32_splat(row, Row.mask), 6);
  const second = i8x16.shl(first, 2);
  const zero = zeroOf(first);
  let s0 = i32x4.splat(0);
  let s1 = i32x4.splat(0);
  let s2 = i32x4.splat(0);
  let s3 = i32x4.splat(0);
  while (codes < end) {
    let a0 = zero;
    let a1 = zero;
    let a2 = zero;
    let a3 = zero;
    for (const stop = min(codes + NARROW_WINDOW, end); codes < stop; codes += 4, fields += 16) {
      const four = v128.load32_splat(codes);
      const low = v128.load(fields);
      a0 = i16x8.add(a0, dot(four, v128.and(low, first)));
      a1 = i16x8.add(a1, dot(four, v128.and(low, second)));
      const high = i16x8.shr_u(low, 4);
      a2 = i16x8.add(a2, dot(four, v128.and(high, first)));
      a3 = i16x8.add(a3, dot(four, v128.and(high, second)));
    }
    s0 = inline.always(addPairs(s0, a0));
    s1 = inline.always(addPairs(s1, a1));
    s2 = inline.always(addPairs(s2, a2));
    s3 = inline.always(addPairs(s3, a3));
  }
  addGroup(work, s0, i32x4.shr_s(s1, 2), s2, i32x4.shr_s(s3, 2));
}

function addGroup(work: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  v128.store(work, i32x4.add(v128.load(work), s0));
  v128.store(work, i32x4.add(v128.load(work, 16), s1), 16);
  v128.store(work, i32x4.add(v128.load(work, 32), s2), 32);
  v128.store(work, i32x4.add(v128.load(work, 48), s3), 48);
}

/** Stores the sums of a whole group at once: a branch for every vector takes as long as its products. */
function storeGroup(work: usize, sums: usize, channels: i32): void {
  if (channels < 16) {
    for (const end = sums + (channels << 2); sums < end; sums += 4, work += 4) store<i32>(sums, load<i32>(work));
    return;
  }
  v128.store(sums, v128.load(work));
  v128.store(sums, v128.load(work, 16), 16);
  v128.store(sums, v128.load(work, 32), 32);
  v128.store(sums, v128.load(work, 48), 48);
}

function addPairs(sums: v128, lanes: v128): v128 {
  return i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(lanes));
}

function dotAdd(codes: v128, fields: v128, acc: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, fields, acc);
}

function dot(codes: v128, fields: v128): v128 {
  return i16x8.relaxed_dot_i8x16_i7x16_s(codes, fields);
}
