import type { Random } from "../../host/numbers/random.ts";

/** Grey 8-bit pictures and their classes. */
export interface Dataset {
  count: number;
  rows: number;
  columns: number;
  /** (count, rows, columns). */
  pixels: Uint8Array;
  labels: Uint8Array;
}

/** Pixels of picture `index`: a view, not a copy. */
export function picture({ rows, columns, pixels }: Dataset, index: number): Uint8Array {
  return pixels.subarray(index * rows * columns, (index + 1) * rows * columns);
}

/** A copy of a picture, moved by up to `reach` pixels each way; 0 comes in at the edges. */
export function randomShift(
  pixels: Uint8Array,
  rows: number,
  columns: number,
  reach: number,
  random: Random,
): Uint8Array {
  const down = Math.floor(random() * (2 * reach + 1)) - reach;
  const right = Math.floor(random() * (2 * reach + 1)) - reach;
  const shifted = new Uint8Array(pixels.length);
  for (let row = Math.max(0, down); row < Math.min(rows, rows + down); row++) {
    for (let column = Math.max(0, right); column < Math.min(columns, columns + right); column++) {
      shifted[row * columns + column] = pixels[(row - down) * columns + column - right]!;
    }
  }
  return shifted;
}
