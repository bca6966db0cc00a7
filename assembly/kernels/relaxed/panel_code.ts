import { blockBytes, HEADER, Row, sumLanes4, zeroOf } from "../common/bytes";
import { fieldBits, fieldSum } from "../common/fields";
import { CHANNELS, clearTiles, storeTiles, TILE_ROW, tilesOf, unpackLanes, VECTORS, workOf } from "../common/panel";
import { Wide } from "../common/wide";

/** Steps of a panel of 16 channels. */
const STEPS: u32 = VECTORS / CHANNELS;

/** Rows from which on weights are unpacked into a panel: two tiles of two. */
export const PANEL_ROWS: u32 = 4;

/**
 * As panelCode of ../simd/panel_code.ts, by panels of bytes, with rows prepared as in ../common/wide.ts; fields of 8 bits, where no machine instruction multiplies
 * bytes, by panels of i16, with rows as in ../common/lanes.ts. A tile is four channels by two rows.
 */
export function panelCode(
  packing: u32,
  offset: i32,
  _signed: bool,
  panel: usize,
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
  const tiles = tilesOf(panel);
  const work = workOf(panel);
  const wide = load<i32>(codes, Row.wide);
  const mask = v128.load32_splat(codes, Row.mask);
  const lanes = bits == 8 && wide == Wide.no;
  const flip: u32 = bits == 8 && wide == Wide.signed ? 128 : 0; // then a byte is the weight
  const window = 128 / (((<u32>1) << bits) - 1);
  for (let first: u32 = 0; first < channels; first += CHANNELS) {
    const width = min(channels - first, CHANNELS);
    clearTiles(panel, rows);
    let left = blockBytes(bits, inputs) >> (lanes ? 3 : 4); // steps
    let at = weights + first * weightStep;
    for (let from = codes + HEADER; left; ) {
      const steps = min(left, STEPS);
      for (let c: u32 = 0; c < width; c++) {
        const to = panel + (c >> 2) * (steps << 6) + ((c & 3) << 4);
        if (lanes) unpackLanes(8, mask, at + c * weightStep, steps, 64, to);
        else unpack(bits, flip, mask, at + c * weightStep, steps, to);
      }
      for (let r: u32 = 0; r < rows; r += 2) {
        const row = from + r * codeStep;
        const other = r + 1 < rows ? row + codeStep : row;
        let band = panel;
        for (let c: u32 = 0; c < width; c += 4, band += steps << 6) {
          const to = tiles + r * TILE_ROW + (c << 2);
          if (lanes) laneTile(band, row, other, steps, work, to);
          else if (wide) wideTile(band, row, other, steps, work, to);
          else narrowTile(band, row, other, steps, window, work, to);
        }
      }
      left -= steps;
      at += (steps * bits) << (lanes ? 0 : 1); // 8 or 16 fields each
      from += steps << 4;
    }
    inline.always(
      addHigh(bits, flip, panel, weights + first * weightStep, weightStep, width, codes, codeStep, rows, inputs),
    );
    storeTiles(factor, flip ? 0 : bias, panel, width, codes, codeStep, rows, sums + (first << 2), sumStep);
  }
}

/** Adds 128 · Σ_k (field[c, k] − flip) to the sums of rows that are stored less 128. */
function addHigh(
  bits: u32,
  flip: u32,
  panel: usize,
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  inputs: u32,
): void {
  const fieldSums = panel; // whose fields have served
  let known = false;
  let at = tilesOf(panel);
  for (; rows; rows--, codes += codeStep, at += TILE_ROW) {
    const high = load<i32>(codes, Row.high);
    if (!high) continue;
    for (let c: u32 = 0; c < channels; c++) {
      const to = at + (c << 2);
      if (!known) store<i32>(fieldSums + (c << 2), fieldSum(bits, weights + c * weightStep, inputs) - flip * inputs);
      store<i32>(to, load<i32>(to) + high * load<i32>(fieldSums + (c << 2)));
    }
    known = true;
  }
}

/**
 * Unpacks the fields of a channel to bytes, in the order of ../common/bytes.ts. `mask` comes from memory: V8 would rebuild it at every use.
 */
function unpack(bits: u32, flip: u32, mask: v128, weights: usize, steps: u32, to: usize): void {
  const end = to + (steps << 6);
  if (bits == 2) inline.always(unpackFields(2, mask, weights, end, to));
  else if (bits == 4) inline.always(unpackFields(4, mask, weights, end, to));
  else if (bits == 1) inline.always(unpackFields(1, mask, weights, end, to));
  else for (; to < end; weights += 16, to += 64) v128.store(to, v128.xor(v128.load(weights), i8x16.splat(<i8>flip)));
}

/** Of 1, 2 or 4 bits, a constant. */
function unpackFields(bits: u32, mask: v128, weights: usize, end: usize, to: usize): void {
  for (; to < end; weights += 16, to += 512 / bits) {
    const words = v128.load(weights);
    v128.store(to, v128.and(words, mask));
    v128.store(to, v128.and(i16x8.shr_u(words, bits), mask), 64);
    if (bits == 4) continue;
    v128.store(to, v128.and(i16x8.shr_u(words, 2 * bits), mask), 128);
    v128.store(to, v128.and(i16x8.shr_u(words, 3 * bits), mask), 192);
    if (bits == 2) continue;
    v128.store(to, v128.and(i16x8.shr_u(words, 4), mask), 256);
    v128.store(to, v128.and(i16x8.shr_u(words, 5), mask), 320);
    v128.store(to, v128.and(i16x8.shr_u(words, 6), mask), 384);
    v128.store(to, v128.and(i16x8.shr_u(words, 7), mask), 448);
  }
}

/**
 * Adds products to the sums of a tile by i16x8.relaxed_dot_i8x16_i7x16_s. Sums of 16 bits are kept for a window of steps: 128 / (2^bits − 1) of
 * two products of −128 and the greatest field reach −2^15 at most.
 */
function narrowTile(band: usize, row: usize, other: usize, steps: u32, window: u32, work: usize, to: usize): void {
  const last = band + (steps << 6);
  const zero = zeroOf(v128.load(row));
  do {
    const end = min(band + (window << 6), last);
    let a0 = zero;
    let a1 = zero;
    let a2 = zero;
    let a3 = zero;
    let b0 = zero;
    let b1 = zero;
    let b2 = zero;
    let b3 = zero;
    do {
      const a = v128.load(row);
      const b = v128.load(other);
      const w0 = v128.load(band);
      a0 = i16x8.add(a0, i16x8.relaxed_dot_i8x16_i7x16_s(a, w0));
      b0 = i16x8.add(b0, i16x8.relaxed_dot_i8x16_i7x16_s(b, w0));
      const w1 = v128.load(band, 16);
      a1 = i16x8.add(a1, i16x8.relaxed_dot_i8x16_i7x16_s(a, w1));
      b1 = i16x8.add(b1, i16x8.relaxed_dot_i8x16_i7x16_s(b, w1));
      const w2 = v128.load(band, 32);
      a2 = i16x8.add(a2, i16x8.relaxed_dot_i8x16_i7x16_s(a, w2));
      b2 = i16x8.add(b2, i16x8.relaxed_dot_i8x16_i7x16_s(b, w2));
      const w3 = v128.load(band, 48);
      a3 = i16x8.add(a3, i16x8.relaxed_dot_i8x16_i7x16_s(a, w3));
      b3 = i16x8.add(b3, i16x8.relaxed_dot_i8x16_i7x16_s(b, w3));
      row += 16;
      other += 16;
      band += 64;
    } while (band < end);
    inline.always(
      addTile(work, to, pairs(a0), pairs(a1), pairs(a2), pairs(a3), pairs(b0), pairs(b1), pairs(b2), pairs(b3)),
    );
  } while (band < last);
}

/** Adds the lanes of eight vectors to the sums of a tile; by way of memory, so that one piece of code serves all kinds of tiles. */
function addTile(
  work: usize,
  to: usize,
  a0: v128,
  a1: v128,
  a2: v128,
  a3: v128,
  b0: v128,
  b1: v128,
  b2: v128,
  b3: v128,
): void {
  v128.store(work, a0);
  v128.store(work, a1, 16);
  v128.store(work, a2, 32);
  v128.store(work, a3, 48);
  v128.store(work, b0, 64);
  v128.store(work, b1, 80);
  v128.store(work, b2, 96);
  v128.store(work, b3, 112);
  addRows(work, to);
}

function addRows(work: usize, to: usize): void {
  for (const end = work + 128; work < end; work += 64, to += TILE_ROW) {
    const sums = sumLanes4(v128.load(work), v128.load(work, 16), v128.load(work, 32), v128.load(work, 48));
    v128.store(to, i32x4.add(v128.load(to), sums));
  }
}

function pairs(lanes: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_s(lanes);
}

/** Adds products to the sums of a tile by i32x4.relaxed_dot_i8x16_i7x16_add_s. */
function wideTile(band: usize, row: usize, other: usize, steps: u32, work: usize, to: usize): void {
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let b3 = i32x4.splat(0);
  const end = band + (steps << 6);
  do {
    const a = v128.load(row);
    const b = v128.load(other);
    const w0 = v128.load(band);
    a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, w0, a0);
    b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b, w0, b0);
    const w1 = v128.load(band, 16);
    a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, w1, a1);
    b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b, w1, b1);
    const w2 = v128.load(band, 32);
    a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, w2, a2);
    b2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b, w2, b2);
    const w3 = v128.load(band, 48);
    a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, w3, a3);
    b3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b, w3, b3);
    row += 16;
    other += 16;
    band += 64;
  } while (band < end);
  inline.always(addTile(work, to, a0, a1, a2, a3, b0, b1, b2, b3));
}

/** The same of i16, by i32x4.dot_i16x8_s. */
function laneTile(band: usize, row: usize, other: usize, steps: u32, work: usize, to: usize): void {
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let b3 = i32x4.splat(0);
  const end = band + (steps << 6);
  do {
    const a = v128.load(row);
    const b = v128.load(other);
    const w0 = v128.load(band);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(a, w0));
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(b, w0));
    const w1 = v128.load(band, 16);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(a, w1));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(b, w1));
    const w2 = v128.load(band, 32);
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(a, w2));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(b, w2));
    const w3 = v128.load(band, 48);
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(a, w3));
    b3 = i32x4.add(b3, i32x4.dot_i16x8_s(b, w3));
    row += 16;
    other += 16;
    band += 64;
  } while (band < end);
  inline.always(addTile(work, to, a0, a1, a2, a3, b0, b1, b2, b3));
}
