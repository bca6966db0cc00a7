import { blockBytes, HEADER } from "./bytes";
import { addSums, CHANNELS, clearTiles, storeTiles, TILE_ROW, tilesOf, VECTORS } from "./panel";

/** Steps of a panel of 16 channels. */
const STEPS: u32 = VECTORS / CHANNELS;

/**
 * sums[r, c] = factor · Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k] by panels of i16, with rows prepared as in lanes.ts.
 * Sums may wrap on the way: the last one is right modulo 2^32, and fits.
 */
export function lanePanels(
  bits: u32,
  factor: i32,
  bias: i32,
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
  const tiles = tilesOf(panel);
  const fields = 16 / bits; // vectors that a vector of packed weights makes
  for (let first: u32 = 0; first < channels; first += CHANNELS) {
    const width = min(channels - first, CHANNELS);
    clearTiles(panel, (rows + 1) & ~1);
    let left = blockBytes(bits, inputs) >> 3; // steps
    let at = weights + first * weightStep;
    for (let from = codes + HEADER; left; ) {
      const steps = min(left, STEPS);
      for (let c: u32 = 0; c < width; c++) {
        unpack(bits, at + c * weightStep, steps, panel + (c >> 2) * (steps << 6) + ((c & 3) << 4));
      }
      for (let r: u32 = 0; r < rows; r += 2) {
        const row = from + r * codeStep;
        const other = r + 1 < rows ? row + codeStep : row;
        let strip = panel;
        for (let c: u32 = 0; c < width; c += 4, strip += steps << 6) {
          const to = tiles + r * TILE_ROW + (c << 2);
          tile(strip, row, other, steps, to);
        }
      }
      left -= steps;
      at += (steps / fields) << 4;
      from += steps << 4;
    }
    storeTiles(factor, bias, panel, width, codes, codeStep, rows, sums + (first << 2), sumStep);
  }
}

/** Unpacks the fields of a channel to i16, in the order of lanes.ts: the even bytes of a vector of weights, then the odd ones. */
function unpack(bits: u32, weights: usize, steps: u32, to: usize): void {
  const mask = i16x8.splat(<i16>(((<u32>1) << bits) - 1));
  for (const end = to + (steps << 6); to < end; weights += 16) {
    let even = v128.load(weights);
    let odd = i16x8.shr_u(even, 8);
    for (let field: u32 = 0; field < 8; field += bits, to += 128) {
      v128.store(to, v128.and(even, mask));
      v128.store(to, v128.and(odd, mask), 64);
      even = i16x8.shr_u(even, bits);
      odd = i16x8.shr_u(odd, bits);
    }
  }
}

/** Adds products of a strip and two rows to their sums, four channels each. */
function tile(strip: usize, row: usize, other: usize, steps: u32, to: usize): void {
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let b3 = i32x4.splat(0);
  const end = strip + (steps << 6);
  do {
    const a = v128.load(row);
    const b = v128.load(other);
    const w0 = v128.load(strip);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(a, w0));
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(b, w0));
    const w1 = v128.load(strip, 16);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(a, w1));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(b, w1));
    const w2 = v128.load(strip, 32);
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(a, w2));
    b2 = i32x4.add(b2, i32x4.dot_i16x8_s(b, w2));
    const w3 = v128.load(strip, 48);
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(a, w3));
    b3 = i32x4.add(b3, i32x4.dot_i16x8_s(b, w3));
    row += 16;
    other += 16;
    strip += 64;
  } while (strip < end);
  inline.always(addSums(to, a0, a1, a2, a3));
  inline.always(addSums(to + TILE_ROW, b0, b1, b2, b3));
}
