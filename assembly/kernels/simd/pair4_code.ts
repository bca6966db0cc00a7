import { storeSums, zeroOf } from "../common/bytes";
import { lookup } from "../common/lookup";
import { HEADER, Tables } from "../common/tables";

/**
 * Pairs of ternary weights (pair4) × codes, by looking pairs up: sixteen channels, whose nibbles are the indices into the table of a pair of
 * codes (../common/tables.ts). Lanes are channels, so nothing is summed across. Contract: ../README.md; `weights` is where a group begins, and
 * `weightStep` a sixteenth of its bytes.
 */
export function pair4Code(
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
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const one = load<i32>(codes, Tables.count) == 1;
    for (let c: u32 = 0; c < channels; c += 16) {
      const group = weights + c * weightStep;
      if (one) inline.always(oneTable(group, codes, inputs, sums + (c << 2), channels - c));
      else inline.always(twoTables(group, codes, inputs, sums + (c << 2), channels - c));
    }
  }
}

/** Bytes of weight sums before a group's nibbles. */
const NIBBLES: usize = 64;

/**
 * Eight inputs make four look-ups, which add up in bytes; the bytes then go to i16 lanes: `all` gets even and odd bytes, the odd ones 256-fold,
 * and `odd` the odd ones alone, so that even = all − 256 · odd modulo 2^16. In a window of 256 such steps they stay below 2^16.
 */
const WINDOW: usize = 256;

function oneTable(weights: usize, row: usize, inputs: u32, sums: usize, channels: u32): void {
  const mask = v128.load32_splat(row, Tables.mask);
  const zero = zeroOf(mask);
  startSums(weights, row, sums, channels);
  let nibbles = weights + NIBBLES;
  let tables = row + HEADER;
  for (const end = tables + (((inputs + 15) >> 4) << 7); tables < end; ) {
    let all = zero;
    let odd = zero;
    for (const stop = min(tables + 64 * WINDOW, end); tables < stop; tables += 64, nibbles += 32) {
      const w0 = v128.load(nibbles);
      let bytes = lookup(v128.load(tables), v128.and(w0, mask));
      bytes = i8x16.add(bytes, lookup(v128.load(tables, 16), v128.and(i16x8.shr_u(w0, 4), mask)));
      const w1 = v128.load(nibbles, 16);
      bytes = i8x16.add(bytes, lookup(v128.load(tables, 32), v128.and(w1, mask)));
      bytes = i8x16.add(bytes, lookup(v128.load(tables, 48), v128.and(i16x8.shr_u(w1, 4), mask)));
      all = i16x8.add(all, bytes);
      odd = i16x8.add(odd, i16x8.shr_u(bytes, 8));
    }
    addSums(all, odd, 0, sums, channels);
  }
}

function twoTables(weights: usize, row: usize, inputs: u32, sums: usize, channels: u32): void {
  const mask = v128.load32_splat(row, Tables.mask);
  const zero = zeroOf(mask);
  startSums(weights, row, sums, channels);
  let nibbles = weights + NIBBLES;
  let tables = row + HEADER;
  for (const end = tables + (((inputs + 15) >> 4) << 8); tables < end; ) {
    let all = zero;
    let odd = zero;
    let allHigh = zero;
    let oddHigh = zero;
    for (const stop = min(tables + 128 * WINDOW, end); tables < stop; tables += 128, nibbles += 32) {
      const w0 = v128.load(nibbles);
      const i0 = v128.and(w0, mask);
      const i1 = v128.and(i16x8.shr_u(w0, 4), mask);
      const w1 = v128.load(nibbles, 16);
      const i2 = v128.and(w1, mask);
      const i3 = v128.and(i16x8.shr_u(w1, 4), mask);
      let bytes = i8x16.add(lookup(v128.load(tables), i0), lookup(v128.load(tables, 32), i1));
      bytes = i8x16.add(bytes, lookup(v128.load(tables, 64), i2));
      bytes = i8x16.add(bytes, lookup(v128.load(tables, 96), i3));
      all = i16x8.add(all, bytes);
      odd = i16x8.add(odd, i16x8.shr_u(bytes, 8));
      bytes = i8x16.add(lookup(v128.load(tables, 16), i0), lookup(v128.load(tables, 48), i1));
      bytes = i8x16.add(bytes, lookup(v128.load(tables, 80), i2));
      bytes = i8x16.add(bytes, lookup(v128.load(tables, 112), i3));
      allHigh = i16x8.add(allHigh, bytes);
      oddHigh = i16x8.add(oddHigh, i16x8.shr_u(bytes, 8));
    }
    addSums(all, odd, 0, sums, channels);
    addSums(allHigh, oddHigh, 4, sums, channels);
  }
}

/** sums = zero · Σ weight − bias, which the look-ups then add to. */
function startSums(weightSums: usize, row: usize, sums: usize, channels: u32): void {
  const bias = load<i32>(row, Tables.bias);
  const zero = load<i32>(row, Tables.zero);
  for (let c: u32 = 0; c < min<u32>(channels, 16); c++) {
    store<i32>(sums + (c << 2), zero * load<i32>(weightSums + (c << 2)) - bias);
  }
}

/** Adds what a window looked up, times 2^shift, to the sums of the channels. */
function addSums(all: v128, odd: v128, shift: i32, sums: usize, channels: u32): void {
  const even = i16x8.sub(all, i16x8.shl(odd, 8));
  const low = i16x8.shuffle(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
  const high = i16x8.shuffle(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
  addFour(i32x4.extend_low_i16x8_u(low), shift, sums, channels);
  addFour(i32x4.extend_high_i16x8_u(low), shift, sums + 16, channels - 4);
  addFour(i32x4.extend_low_i16x8_u(high), shift, sums + 32, channels - 8);
  addFour(i32x4.extend_high_i16x8_u(high), shift, sums + 48, channels - 12);
}

function addFour(found: v128, shift: i32, sums: usize, channels: i32): void {
  if (channels > 0) storeSums(sums, i32x4.add(v128.load(sums), i32x4.shl(found, shift)), channels);
}
