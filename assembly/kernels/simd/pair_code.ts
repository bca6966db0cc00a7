import { lookup } from "..";
import { storeSums } from "./bytes";
import { HEADER, Tables } from "./tables";

/**
 * Pairs of ternary weights (pair4) × codes, by looking pairs up: sixteen channels, whose nibbles are the indices into the table of a pair of
 * codes (tables.ts). Lanes are channels, so nothing is summed across. Contract: ../README.md; `weights` is where a group begins, and
 * `weightStep` a sixteenth of its bytes.
 */
export function pairCode(
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
  let even0 = i32x4.splat(0);
  let even1 = i32x4.splat(0);
  let odd0 = i32x4.splat(0);
  let odd1 = i32x4.splat(0);
  let nibbles = weights + NIBBLES;
  let tables = row + HEADER;
  for (const end = tables + (((inputs + 15) >> 4) << 7); tables < end; ) {
    let all = i16x8.splat(0);
    let odd = i16x8.splat(0);
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
    const even = i16x8.sub(all, i16x8.shl(odd, 8));
    even0 = i32x4.add(even0, i32x4.extend_low_i16x8_u(even));
    even1 = i32x4.add(even1, i32x4.extend_high_i16x8_u(even));
    odd0 = i32x4.add(odd0, i32x4.extend_low_i16x8_u(odd));
    odd1 = i32x4.add(odd1, i32x4.extend_high_i16x8_u(odd));
  }
  storeChannels(weights, row, even0, even1, odd0, odd1, sums, channels);
}

function twoTables(weights: usize, row: usize, inputs: u32, sums: usize, channels: u32): void {
  const mask = v128.load32_splat(row, Tables.mask);
  let even0 = i32x4.splat(0);
  let even1 = i32x4.splat(0);
  let odd0 = i32x4.splat(0);
  let odd1 = i32x4.splat(0);
  let nibbles = weights + NIBBLES;
  let tables = row + HEADER;
  for (const end = tables + (((inputs + 15) >> 4) << 8); tables < end; ) {
    let all = i16x8.splat(0);
    let odd = i16x8.splat(0);
    let allHigh = i16x8.splat(0);
    let oddHigh = i16x8.splat(0);
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
    const even = i16x8.sub(all, i16x8.shl(odd, 8));
    const evenHigh = i16x8.sub(allHigh, i16x8.shl(oddHigh, 8));
    even0 = i32x4.add(even0, i32x4.extend_low_i16x8_u(even));
    even1 = i32x4.add(even1, i32x4.extend_high_i16x8_u(even));
    odd0 = i32x4.add(odd0, i32x4.extend_low_i16x8_u(odd));
    odd1 = i32x4.add(odd1, i32x4.extend_high_i16x8_u(odd));
    even0 = i32x4.add(even0, i32x4.shl(i32x4.extend_low_i16x8_u(evenHigh), 4));
    even1 = i32x4.add(even1, i32x4.shl(i32x4.extend_high_i16x8_u(evenHigh), 4));
    odd0 = i32x4.add(odd0, i32x4.shl(i32x4.extend_low_i16x8_u(oddHigh), 4));
    odd1 = i32x4.add(odd1, i32x4.shl(i32x4.extend_high_i16x8_u(oddHigh), 4));
  }
  storeChannels(weights, row, even0, even1, odd0, odd1, sums, channels);
}

/** Sums of look-ups of even channels (0, 2 … 6; 8 … 14) and odd ones → sums of products, − bias + zero · Σ weight. */
function storeChannels(
  weights: usize,
  row: usize,
  even0: v128,
  even1: v128,
  odd0: v128,
  odd1: v128,
  sums: usize,
  channels: u32,
): void {
  const bias = i32x4.splat(load<i32>(row, Tables.bias));
  const zero = i32x4.splat(load<i32>(row, Tables.zero));
  storeFour(weights, i32x4.shuffle(even0, odd0, 0, 4, 1, 5), bias, zero, sums, channels);
  storeFour(weights + 16, i32x4.shuffle(even0, odd0, 2, 6, 3, 7), bias, zero, sums + 16, channels - 4);
  storeFour(weights + 32, i32x4.shuffle(even1, odd1, 0, 4, 1, 5), bias, zero, sums + 32, channels - 8);
  storeFour(weights + 48, i32x4.shuffle(even1, odd1, 2, 6, 3, 7), bias, zero, sums + 48, channels - 12);
}

function storeFour(weightSums: usize, found: v128, bias: v128, zero: v128, sums: usize, channels: i32): void {
  if (channels <= 0) return;
  storeSums(sums, i32x4.add(i32x4.sub(found, bias), i32x4.mul(zero, v128.load(weightSums))), channels);
}
