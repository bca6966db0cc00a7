/**
 * Fields of two bits × codes of many rows, by tables: four inputs are a quad, and a byte of field2 holds a channel's fields of one. The table of a quad has
 * for every such byte the sums of its four products, of 16 rows: i16, two vectors. So a channel takes a byte and two additions for 64 products, nothing is
 * multiplied, and nothing is summed across. Eight quads are a block, whose tables stay in the first cache.
 *
 *     tables: quad 0: entry 0 … 255, 32 bytes each │ quad 1 … 7        words: quad 0: a word of each of 16 rows │ quad 1 … 7
 */

/** Rows that a table serves, inputs of a quad, and quads of a block. */
export const LANES: u32 = 16;
const QUAD: u32 = 4;
export const QUADS: u32 = 8;

const TABLE_BYTES: u32 = 256 * 32 + 9 * 64;
const WORDS: u32 = QUADS * TABLE_BYTES;

/** Bytes of the tables of a block, and of its codes. */
export const QUADS_BYTES: u32 = WORDS + QUADS * LANES * QUAD;

/** Blocks whose products a sum of 16 bits holds, of weights up to `weight` and codes up to `code`, of either sign. */
export function quadWindow(weight: u32, code: u32): u32 {
  return 32767 / (QUADS * QUAD * weight * code);
}

/** How many fields of two bits occur: three, or all four, which ternary weights never do. Of at least 16 bytes. */
export function valuesOf(weights: usize, bytes: u32): u32 {
  let found = i32x4.splat(0);
  const last = weights + bytes - 16;
  for (const end = weights + bytes; weights < end; weights += 16) {
    const words = v128.load(min(weights, last));
    found = v128.or(found, v128.and(words, i32x4.shr_u(words, 1)));
  }
  return 3 + u32(v128.any_true(v128.and(found, i32x4.splat(0x55555555))));
}

/**
 * Makes the tables of `quads` quads of up to 16 rows, `codeStep` bytes apart, for weights that are fields less `offset` and have so many `values`. Rows that are
 * missing, and bytes that `mask` takes from the last quad, count as 0.
 */
export function quadTables(
  signed: bool,
  offset: u32,
  values: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  quads: u32,
  mask: u32,
  tables: usize,
): void {
  const words = tables + WORDS;
  for (let row: u32 = 0; row < LANES; row++, codes += codeStep) {
    let to = words + (row << 2);
    for (let i: u32 = 0; i < quads; i++, to += 64) {
      store<u32>(to, row < rows ? load<u32>(codes + (i << 2)) : 0);
    }
  }
  const lane = i16x8.splat(signed ? -1 : 0xff);
  for (let at = words; quads; quads--, tables += TABLE_BYTES - 32) {
    const bytes = i32x4.splat(quads == 1 ? mask : -1);
    for (const next = at + 64; at < next; at += 32, tables += 16) {
      const a = v128.and(v128.load(at), bytes);
      const b = v128.and(v128.load(at, 16), bytes);
      const c01 = i8x16.shuffle(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
      const c23 = i8x16.shuffle(a, b, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
      table(
        offset,
        values,
        v128.and(i16x8.extend_low_i8x16_s(c01), lane),
        v128.and(i16x8.extend_high_i8x16_s(c01), lane),
        v128.and(i16x8.extend_low_i8x16_s(c23), lane),
        v128.and(i16x8.extend_high_i8x16_s(c23), lane),
        tables,
      );
    }
  }
}

/** Half of a table: the sums of eight rows, of which c0 … c3 are the codes. */
function table(offset: u32, values: u32, c0: v128, c1: v128, c2: v128, c3: v128, to: usize): void {
  const sum = i16x8.add(i16x8.add(c0, c1), i16x8.add(c2, c3));
  let at3 = i16x8.neg(i16x8.shl(sum, offset - 1)); // 1 or 2 times
  for (let i = values; i; i--, to += 64 * 32) {
    let at2 = at3;
    let to2 = to;
    for (let j = values; j; j--, to2 += 16 * 32) {
      let at1 = at2;
      let to1 = to2;
      for (let k = values; k; k--, to1 += 4 * 32) {
        v128.store(to1, at1);
        const one = i16x8.add(at1, c0);
        v128.store(to1, one, 32);
        const two = i16x8.add(one, c0);
        v128.store(to1, two, 64);
        if (values == 4) v128.store(to1, i16x8.add(two, c0), 96);
        at1 = i16x8.add(at1, c1);
      }
      at2 = i16x8.add(at2, c2);
    }
    at3 = i16x8.add(at3, c3);
  }
}

/** Adds the products of a block to sums of 16 bits: of `channels` channels, 16 rows each. */
export function addQuads(
  tables: usize,
  quads: u32,
  weights: usize,
  weightStep: u32,
  channels: u32,
  sums: usize,
  sumStep: u32,
): void {
  if (quads < QUADS) {
    for (; channels; channels--, weights += weightStep, sums += sumStep) {
      let low = v128.load(sums);
      let high = v128.load(sums, 16);
      let table = tables;
      for (let i: u32 = 0; i < quads; i++, table += TABLE_BYTES) {
        const at = table + ((<usize>load<u8>(weights + i)) << 5);
        low = i16x8.add(low, v128.load(at));
        high = i16x8.add(high, v128.load(at, 16));
      }
      v128.store(sums, low);
      v128.store(sums, high, 16);
    }
    return;
  }
  for (; channels; channels--, weights += weightStep, sums += sumStep) {
    let low = v128.load(sums);
    let high = v128.load(sums, 16);
    let at = tables + ((<usize>load<u8>(weights)) << 5);
    low = i16x8.add(low, v128.load(at));
    high = i16x8.add(high, v128.load(at, 16));
    at = tables + ((<usize>load<u8>(weights, 1)) << 5);
    low = i16x8.add(low, v128.load(at, TABLE_BYTES));
    high = i16x8.add(high, v128.load(at, TABLE_BYTES + 16));
    at = tables + ((<usize>load<u8>(weights, 2)) << 5);
    low = i16x8.add(low, v128.load(at, 2 * TABLE_BYTES));
    high = i16x8.add(high, v128.load(at, 2 * TABLE_BYTES + 16));
    at = tables + ((<usize>load<u8>(weights, 3)) << 5);
    low = i16x8.add(low, v128.load(at, 3 * TABLE_BYTES));
    high = i16x8.add(high, v128.load(at, 3 * TABLE_BYTES + 16));
    at = tables + ((<usize>load<u8>(weights, 4)) << 5);
    low = i16x8.add(low, v128.load(at, 4 * TABLE_BYTES));
    high = i16x8.add(high, v128.load(at, 4 * TABLE_BYTES + 16));
    at = tables + ((<usize>load<u8>(weights, 5)) << 5);
    low = i16x8.add(low, v128.load(at, 5 * TABLE_BYTES));
    high = i16x8.add(high, v128.load(at, 5 * TABLE_BYTES + 16));
    at = tables + ((<usize>load<u8>(weights, 6)) << 5);
    low = i16x8.add(low, v128.load(at, 6 * TABLE_BYTES));
    high = i16x8.add(high, v128.load(at, 6 * TABLE_BYTES + 16));
    at = tables + ((<usize>load<u8>(weights, 7)) << 5);
    low = i16x8.add(low, v128.load(at, 7 * TABLE_BYTES));
    high = i16x8.add(high, v128.load(at, 7 * TABLE_BYTES + 16));
    v128.store(sums, low);
    v128.store(sums, high, 16);
  }
}

/** Moves sums of 16 bits, a multiple of 16 bytes of them, to those of 32. */
export function widenQuads(sums: usize, bytes: u32, to: usize): void {
  for (const end = sums + bytes; sums < end; sums += 16, to += 32) {
    const lanes = v128.load(sums);
    v128.store(sums, i32x4.splat(0));
    v128.store(to, i32x4.add(v128.load(to), i32x4.extend_low_i16x8_s(lanes)));
    v128.store(to, i32x4.add(v128.load(to, 16), i32x4.extend_high_i16x8_s(lanes)), 16);
  }
}

/** Writes four rows' sums of `channels` channels, which stand channel by channel, row by row. */
export function storeQuads(from: usize, fromStep: u32, channels: u32, to: usize, toStep: u32): void {
  for (const end = to + (channels << 2); to < end; to += 4, from += fromStep) {
    const sums = v128.load(from);
    v128.store32_lane(to, sums, 0);
    v128.store32_lane(to + toStep, sums, 1);
    v128.store32_lane(to + 2 * toStep, sums, 2);
    v128.store32_lane(to + 3 * toStep, sums, 3);
  }
}
