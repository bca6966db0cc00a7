import { blockBytes, HEADER, Row, sumLanes2, sumLanes4 } from "../common/bytes";
import { fieldBits } from "../common/fields";
import {
  CHANNELS,
  clear,
  clearTiles,
  storeTiles,
  TILE_ROW,
  tilesOf,
  unpackLanes,
  VECTORS,
  workOf,
} from "../common/panel";

/** Rows from which on weights are unpacked into a panel. */
export const PANEL_ROWS: u32 = 5;

/**
 * sums[r, c] = factor · Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k] by panels of i16, with rows prepared as in
 * ../common/lanes.ts. A tile is
 * two vectors of weights by three rows: engines that load all operands of a loop first have no registers for more. Sums may
 * wrap on the way: the last one is right modulo 2^32, and fits.
 *
 * Where fields less `centre` are −1, 0 and 1, a lane holds the weights of two channels (twins): w + 2^14 · w'. Of a sum of such products the low 14 bits,
 * as a signed number, are the first channel's sum as long as that fits into them: for a window of products, 62 of codes down to −128
 * (7,936 < 2^13), or 32 of codes up to 255 (8,160).
 */
export function panelCode(
  packing: u32,
  offset: i32,
  signed: bool,
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
  const window: u32 = signed ? 31 : 16;
  const mask = v128.load32_splat(codes, Row.mask);
  const centre: i32 = bits - 1;
  for (let first: u32 = 0; first < channels; first += CHANNELS) {
    const width = min(channels - first, CHANNELS);
    let at = weights + first * weightStep;
    const twins = bits == 1 || (bits == 2 && bias == -1 && !threes(at, weightStep, width, inputs));
    clearTiles(panel, rows);
    let left = blockBytes(bits, inputs) >> 3; // steps
    for (let from = codes + HEADER; left; ) {
      const steps = min(left, twins ? (2 * VECTORS) / CHANNELS : VECTORS / CHANNELS);
      let band = panel;
      for (let c: u32 = 0; c < width; c += 2) {
        const a = at + c * weightStep;
        const b = c + 1 < width ? a + weightStep : a;
        if (twins) {
          unpackTwins(bits, mask, centre, a, b, steps, band + ((c & 2) << 3));
          if (c & 2) band += steps << 5;
        } else {
          unpackLanes(bits, mask, a, steps, 32, band);
          unpackLanes(bits, mask, b, steps, 32, band + 16);
          band += steps << 5;
        }
      }
      for (let r: u32 = 0; r < rows; r += 3) {
        const row = from + r * codeStep;
        const second = r + 1 < rows ? row + codeStep : row;
        const third = r + 2 < rows ? second + codeStep : row;
        let to = tiles + r * TILE_ROW;
        band = panel;
        for (const end = to + (width << 2); to < end; band += steps << 5) {
          if (twins) {
            twinTile(band, row, second, third, steps, window, workOf(panel), to);
            to += 16;
          } else {
            tile(band, row, second, third, steps, to);
            to += 8;
          }
        }
      }
      left -= steps;
      at += steps * bits; // 8 fields each
      from += steps << 4;
    }
    storeTiles(
      factor,
      twins ? bias + centre * factor : bias,
      panel,
      width,
      codes,
      codeStep,
      rows,
      sums + (first << 2),
      sumStep,
    );
  }
}

/** Whether a field of two bits is 3, which no ternary weight is. */
function threes(weights: usize, weightStep: u32, channels: u32, inputs: u32): bool {
  let found = i32x4.splat(0);
  for (; channels; channels--, weights += weightStep) {
    const end = weights + (blockBytes(2, inputs) >> 2);
    for (let at = weights; at < end; at += 16) {
      const words = v128.load(at);
      found = v128.or(found, v128.and(words, i32x4.shr_u(words, 1)));
    }
  }
  return v128.any_true(v128.and(found, i32x4.splat(0x55555555)));
}

/** Unpacks the fields of two channels, as unpackLanes of ../common/panel.ts those of one, to a + 2^14 · b, each less `centre`; of 1 or 2 bits. */
function unpackTwins(bits: u32, mask: v128, centre: i32, a: usize, b: usize, steps: u32, to: usize): void {
  const centres = i16x8.splat(<i16>(centre * 0x4001));
  for (const end = to + (steps << 5); to < end; a += 16, b += 16) {
    let wordsA = v128.load(a);
    let wordsB = v128.load(b);
    for (const next = to + (bits == 2 ? 256 : 512); to < next; to += 64) {
      const even = i16x8.add(v128.and(wordsA, mask), i16x8.shl(v128.and(wordsB, mask), 14));
      v128.store(to, i16x8.sub(even, centres));
      const oddA = v128.and(i16x8.shr_u(wordsA, 8), mask);
      const oddB = v128.and(i16x8.shr_u(wordsB, 8), mask);
      v128.store(to, i16x8.sub(i16x8.add(oddA, i16x8.shl(oddB, 14)), centres), 32);
      wordsA = i16x8.shr_u(wordsA, bits);
      wordsB = i16x8.shr_u(wordsB, bits);
    }
  }
}

/** Adds products of a band and three rows to their sums, two channels each. Two steps a turn: 1.14 of one in V8 11.3. */
function tile(band: usize, row: usize, second: usize, third: usize, steps: u32, to: usize): void {
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let c0 = i32x4.splat(0);
  let c1 = i32x4.splat(0);
  const end = band + (steps << 5);
  do {
    const w0 = v128.load(band);
    const w1 = v128.load(band, 16);
    const a = v128.load(row);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(a, w0));
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(a, w1));
    const b = v128.load(second);
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(b, w0));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(b, w1));
    const c = v128.load(third);
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(c, w0));
    c1 = i32x4.add(c1, i32x4.dot_i16x8_s(c, w1));
    const w2 = v128.load(band, 32);
    const w3 = v128.load(band, 48);
    const d = v128.load(row, 16);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(d, w2));
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(d, w3));
    const e = v128.load(second, 16);
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w2));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w3));
    const f = v128.load(third, 16);
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(f, w2));
    c1 = i32x4.add(c1, i32x4.dot_i16x8_s(f, w3));
    row += 32;
    second += 32;
    third += 32;
    band += 64;
  } while (band < end);
  inline.always(addTwo(to, inline.always(sumLanes2(a0, a1))));
  inline.always(addTwo(to + TILE_ROW, inline.always(sumLanes2(b0, b1))));
  inline.always(addTwo(to + 2 * TILE_ROW, inline.always(sumLanes2(c0, c1))));
}

function addTwo(to: usize, sums: v128): void {
  v128.store64_lane(to, i32x4.add(v128.load64_zero(to), sums), 0);
}

/** The same with twins, four channels each. At `work` are 96 bytes to work in. */
function twinTile(
  band: usize,
  row: usize,
  second: usize,
  third: usize,
  steps: u32,
  window: u32,
  work: usize,
  to: usize,
): void {
  clear(work, 96);
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let c0 = i32x4.splat(0);
  let c1 = i32x4.splat(0);
  const last = band + (steps << 5);
  do {
    const end = min(band + (window << 5), last);
    do {
      const w0 = v128.load(band);
      const w1 = v128.load(band, 16);
      const a = v128.load(row);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(a, w0));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(a, w1));
      const b = v128.load(second);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(b, w0));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(b, w1));
      const c = v128.load(third);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(c, w0));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(c, w1));
      row += 16;
      second += 16;
      third += 16;
      band += 32;
    } while (band < end);
    a0 = inline.always(takeFirsts(work, a0));
    a1 = inline.always(takeFirsts(work + 16, a1));
    b0 = inline.always(takeFirsts(work + 32, b0));
    b1 = inline.always(takeFirsts(work + 48, b1));
    c0 = inline.always(takeFirsts(work + 64, c0));
    c1 = inline.always(takeFirsts(work + 80, c1));
  } while (band < last);
  storeTwins(work, a0, a1, to);
  storeTwins(work + 32, b0, b1, to + TILE_ROW);
  storeTwins(work + 64, c0, c1, to + 2 * TILE_ROW);
}

/** Moves the sums of first channels of a window to memory; what stays is 2^14 times those of second channels, below 2^30 for a panel of 1024 inputs. */
function takeFirsts(work: usize, sums: v128): v128 {
  const firsts = i32x4.shr_s(i32x4.shl(sums, 18), 18);
  v128.store(work, i32x4.add(v128.load(work), firsts));
  return i32x4.sub(sums, firsts);
}

/** Adds two pairs of twins to the sums of four channels. */
function storeTwins(work: usize, a: v128, b: v128, to: usize): void {
  const sums = sumLanes4(v128.load(work), i32x4.shr_s(a, 14), v128.load(work, 16), i32x4.shr_s(b, 14));
  v128.store(to, i32x4.add(v128.load(to), sums));
}
