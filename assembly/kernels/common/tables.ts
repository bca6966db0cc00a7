import { sumLanes } from "./bytes";

/**
 * A prepared row for pair4 (FORMAT.md): a table for every pair of codes, of what each of the nine pairs of ternary weights makes of it. Codes are taken less `zero`,
 * the middle of their range: a, b. Entry 3 · (w0 + 1) + (w1 + 1) of 16 bytes is w0 · a + w1 · b + |a| + |b|, so never negative; the other
 * entries are 0. Four entries always fit a byte, 4 · 4 · 15 = 240, where codes span at most 31 values: then one table does. Otherwise
 * a = 16 · high + low, with a table of the low parts (−8 … 7) and one of the high parts (−8 … 8): 4 · 4 · 8 = 128.
 *
 *     i32 zero, i32 bias, i32 tables (1 or 2), u32 mask │ pair 0: its tables │ pair 1 … │ up to a multiple of eight pairs
 *
 * `mask` is the low nibble of every byte, for V8 (bytes.ts). `bias` is what the entries of a row add up to beyond the products: Σ |a|, or Σ |low| + 16 · Σ |high|.
 */
export const HEADER: usize = 16;

/** Fields of the header. */
export enum Tables {
  zero = 0,
  bias = 4,
  count = 8,
  mask = 12,
}

/** Bytes of a prepared row: with two tables, and room to work in. */
export function tablesBytes(inputs: u32): u32 {
  return <u32>HEADER + (((inputs + 15) & ~15) << 4) + 64;
}

/** Prepares a row of codes: i8 if `signed`, u8 otherwise. */
export function toTables(signed: bool, row: usize, inputs: u32, to: usize): void {
  const flip = i8x16.splat(signed ? -128 : 0); // all are compared and subtracted as u8
  const fill = i8x16.splat(<i8>(<i32>load<u8>(row) ^ (signed ? 128 : 0)));
  let most = fill;
  let least = fill;
  for (let k: u32 = 0; k < inputs; k += 16) {
    const codes = first(v128.xor(v128.load(row + k), flip), inputs - k, fill);
    most = i8x16.max_u(most, codes);
    least = i8x16.min_u(least, codes);
  }
  const top = greatest(most);
  const bottom = 255 - greatest(v128.not(least));
  const middle = (bottom + top + 1) >> 1;
  const one = top - bottom <= 30;
  const zero = i8x16.splat(<i8>middle);
  let bias: i32 = 0;
  let at = to + HEADER;
  const work = to + tablesBytes(inputs) - 64;
  for (let k: u32 = 0; k < inputs; k += 16) {
    const codes = i8x16.sub(first(v128.xor(v128.load(row + k), flip), inputs - k, zero), zero);
    if (one) {
      bias += eightTables(codes, at, 16, work);
      at += 128;
    } else {
      const high = i8x16.add(i8x16.shr_s(codes, 4), v128.and(i8x16.shr_u(codes, 3), i8x16.splat(1)));
      bias += eightTables(i8x16.sub(codes, i8x16.shl(high, 4)), at, 32, work);
      bias += eightTables(high, at + 16, 32, work) << 4;
      at += 256;
    }
  }
  store<i32>(to, middle - (signed ? 128 : 0), Tables.zero);
  store<i32>(to, bias, Tables.bias);
  store<i32>(to, one ? 1 : 2, Tables.count);
  store<u32>(to, 0x0f0f0f0f, Tables.mask);
}

/** The first `count` codes of a vector, and `fill` instead of the rest. */
function first(codes: v128, count: u32, fill: v128): v128 {
  const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return v128.bitselect(codes, fill, i8x16.lt_u(places, i8x16.splat(<i8>min<u32>(count, 16))));
}

/** Greatest of sixteen u8. */
function greatest(x: v128): i32 {
  const eight = i8x16.max_u(x, i64x2.shuffle(x, x, 1, 0));
  const four = i8x16.max_u(eight, i32x4.shuffle(eight, eight, 1, 0, 3, 2));
  const two = i8x16.max_u(four, i16x8.shr_u(four, 8));
  return max<i32>(i8x16.extract_lane_u(two, 0), i8x16.extract_lane_u(two, 2));
}

/** Sum of sixteen u8. */
function sumBytes(x: v128): i32 {
  return sumLanes(i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(x)));
}

/** Writes the tables of eight pairs of codes (i8), `step` bytes apart, and returns Σ |code|. */
function eightTables(codes: v128, at: usize, step: usize, work: usize): i32 {
  const a = i8x16.shuffle(codes, codes, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14);
  const b = i8x16.shuffle(codes, codes, 1, 3, 5, 7, 9, 11, 13, 15, 1, 3, 5, 7, 9, 11, 13, 15);
  const bias = i8x16.add(i8x16.abs(a), i8x16.abs(b));
  const none = i8x16.splat(0);
  // of each pair the bytes bias − a, bias, bias + a, −b, b, 0, 0, 0
  const start = interleave(i8x16.sub(bias, a), bias);
  const middle = interleave(i8x16.add(bias, a), i8x16.neg(b));
  const end = interleave(b, none);
  const low = i16x8.shuffle(start, middle, 0, 8, 1, 9, 2, 10, 3, 11);
  const high = i16x8.shuffle(start, middle, 4, 12, 5, 13, 6, 14, 7, 15);
  const lowEnd = i16x8.shuffle(end, none, 0, 8, 1, 9, 2, 10, 3, 11);
  const highEnd = i16x8.shuffle(end, none, 4, 12, 5, 13, 6, 14, 7, 15);
  v128.store(work, i32x4.shuffle(low, lowEnd, 0, 4, 1, 5));
  v128.store(work, i32x4.shuffle(low, lowEnd, 2, 6, 3, 7), 16);
  v128.store(work, i32x4.shuffle(high, highEnd, 0, 4, 1, 5), 32);
  v128.store(work, i32x4.shuffle(high, highEnd, 2, 6, 3, 7), 48);
  for (const last = work + 64; work < last; work += 8, at += step) {
    const bytes = v128.load64_splat(work);
    const products = i8x16.swizzle(bytes, i8x16(0, 0, 0, 1, 1, 1, 2, 2, 2, 7, 7, 7, 7, 7, 7, 7)); // bias + w0 · a
    const others = i8x16.swizzle(bytes, i8x16(3, 7, 4, 3, 7, 4, 3, 7, 4, 7, 7, 7, 7, 7, 7, 7)); // w1 · b
    v128.store(at, i8x16.add(products, others));
  }
  return sumBytes(i8x16.abs(codes));
}

/** Bytes 0 … 7 of two vectors in turn. */
function interleave(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
