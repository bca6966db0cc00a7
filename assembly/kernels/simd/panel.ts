import { Row } from "./bytes";

/**
 * A matrix product for many rows unpacks weights once, into a panel of vectors of fields, and multiplies it by all rows. A strip of a panel is four
 * vectors side by side, of as many channels; a tile is what a strip makes with two rows: eight sums, which are all that
 * fit into registers beside their operands.
 *
 *     panel: strip 0 │ strip 1 …      strip: step 0: vector of channel 0, 1, 2, 3 │ step 1 …      tiles: row 0: 16 × i32 │ row 1 …
 *
 * Of channels that are missing, the last one stands there again, and of rows likewise; nobody reads their sums.
 */

/** Channels of a panel, vectors in it, and its bytes: a half of 32 KB of cache. */
export const CHANNELS: u32 = 16;
export const VECTORS: u32 = 1024;
export const PANEL_BYTES: u32 = VECTORS * 16;

/** Bytes of the sums of a row, and of what a tile may work in. */
export const TILE_ROW: u32 = CHANNELS * 4;
export const WORK_BYTES: u32 = 256;

/** Rows from which on a panel pays. */
export const PANEL_ROWS: u32 = 4;

/** Bytes of a panel, what tiles work in, and the sums of `rows` rows, in this order. */
export function panelBytes(rows: u32): u32 {
  return PANEL_BYTES + WORK_BYTES + rows * TILE_ROW;
}

/** Address of the sums of a panel. */
export function tilesOf(panel: usize): usize {
  return panel + PANEL_BYTES + WORK_BYTES;
}

export function clearTiles(panel: usize, rows: u32): void {
  let at = inline.always(tilesOf(panel));
  for (const end = at + rows * TILE_ROW; at < end; at += 16) v128.store(at, i32x4.splat(0));
}

/** sums[r, c] = factor · tile sum + bias · Σ code, of up to 16 channels. */
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
  let from = inline.always(tilesOf(panel));
  for (; rows; rows--, codes += codeStep, sums += sumStep, from += TILE_ROW) {
    const add = bias * load<i32>(codes, Row.sum);
    let at = from;
    for (let c: u32 = 0; c < channels; c++, at += 4) {
      store<i32>(sums + (c << 2), factor * load<i32>(at) + add);
    }
  }
}

/** Adds the sums of the lanes of four i32x4 to four i32 at `to`. */
export function addSums(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = i32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  const all = i32x4.add(i64x2.shuffle(ab, cd, 0, 2), i64x2.shuffle(ab, cd, 1, 3));
  v128.store(to, i32x4.add(v128.load(to), all));
}
