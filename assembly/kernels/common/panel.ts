import { Row } from "./bytes";

/**
 * A product for many rows unpacks weights once, into a panel of vectors of fields, and multiplies it by all rows. A band of a panel is a few
 * vectors side by side, of as many channels; a tile is what a band makes with a few rows: six or eight vectors of sums, all that fit
 * into registers beside their operands.
 *
 *     panel │ work │ tiles        panel: band 0 │ band 1 …        band: step 0: a vector of each channel │ step 1 …
 *                                 tiles: row 0: a sum (i32) of each channel │ row 1 …
 *
 * Channels and rows that a band or a tile lacks are computed from whatever is there; nobody reads their sums.
 */

/** Channels of a panel, vectors in it, and its bytes: a half of 32 KB of cache. */
export const CHANNELS: u32 = 16;
export const VECTORS: u32 = 1024;
const PANEL_BYTES: u32 = VECTORS * 16;

/** Bytes that a tile may work in, and of the sums of a row. */
const WORK_BYTES: u32 = 128;
export const TILE_ROW: u32 = CHANNELS * 4;

/** Rows that a tile may have more than there are. */
const SPARE_ROWS: u32 = 2;

/** Bytes of a panel, of what tiles work in, and of the sums of `rows` rows. */
export function panelBytes(rows: u32): u32 {
  return PANEL_BYTES + WORK_BYTES + (rows + SPARE_ROWS) * TILE_ROW;
}

/** Address of what tiles work in. */
export function workOf(panel: usize): usize {
  return panel + PANEL_BYTES;
}

/** Address of the sums of the rows. */
export function tilesOf(panel: usize): usize {
  return panel + (PANEL_BYTES + WORK_BYTES);
}

export function clearTiles(panel: usize, rows: u32): void {
  inline.always(clear(tilesOf(panel), (rows + SPARE_ROWS) * TILE_ROW));
}

/** Zeroes a multiple of 16 bytes. */
export function clear(at: usize, bytes: usize): void {
  for (const end = at + bytes; at < end; at += 16) v128.store(at, i32x4.splat(0));
}

/** sums[r, c] = factor · tiles[r, c] + bias · Σ_k code[r, k], of up to 16 channels. */
export function storeTiles(
  factor: i32,
  bias: i32,
  panel: usize,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  sums: usize,
  sumStep: u32,
): void {
  let from = tilesOf(panel);
  for (; rows; rows--, codes += codeStep, sums += sumStep, from += TILE_ROW) {
    const add = bias * load<i32>(codes, Row.sum);
    for (let c: u32 = 0; c < channels; c++) {
      store<i32>(sums + (c << 2), factor * load<i32>(from + (c << 2)) + add);
    }
  }
}

/**
 * Unpacks the fields of a channel to i16, in the order of lanes.ts: the even bytes of a vector of weights, then the odd ones. From one step to
 * the next are `apart` bytes. `mask` comes from memory: V8 would rebuild it at every use.
 */
export function unpackLanes(bits: u32, mask: v128, weights: usize, steps: u32, apart: u32, to: usize): void {
  const end = to + steps * apart;
  if (bits == 2) inline.always(unpackFields(2, mask, weights, end, apart, to));
  else if (bits == 4) inline.always(unpackFields(4, mask, weights, end, apart, to));
  else inline.always(unpackFields(8, mask, weights, end, apart, to));
}

/** Of 2, 4 or 8 bits, a constant. */
function unpackFields(bits: u32, mask: v128, weights: usize, end: usize, apart: u32, to: usize): void {
  for (; to < end; weights += 16) {
    const words = v128.load(weights);
    to = inline.always(storeField(words, 0, mask, apart, to));
    if (bits < 8) to = inline.always(storeField(words, bits, mask, apart, to));
    if (bits < 4) to = inline.always(storeField(words, 4, mask, apart, to));
    if (bits < 4) to = inline.always(storeField(words, 6, mask, apart, to));
  }
}

/** Stores the field `shift` of all even bytes, and of all odd ones; tells where the next goes. */
function storeField(words: v128, shift: u32, mask: v128, apart: u32, to: usize): usize {
  v128.store(to, v128.and(shift ? i16x8.shr_u(words, shift) : words, mask));
  to += apart;
  v128.store(to, v128.and(i16x8.shr_u(words, shift + 8), mask));
  return to + apart;
}
