/** Packings sign32 and sign128 (FORMAT.md): 32 binary weights in a u32, the first in its lowest bit; bit 1 is −1, the rest is 0. */

/** Bytes of `count` signs, in as many whole groups of `lanes` as they need. */
export function signBytes(count: number, lanes: 32 | 128): number {
  return (lanes / 8) * Math.ceil(count / lanes);
}

/** Writes the signs of `codes` (±1) at byte `offset` of `view`, where zeros are. */
export function packSigns(view: DataView, offset: number, codes: Int8Array): void {
  for (let i = 0; i < codes.length; offset += 4) {
    let word = 0;
    const end = Math.min(i + 32, codes.length);
    for (let lane = 0; i < end; i++, lane++) word |= (codes[i]! >>> 31) << lane;
    view.setInt32(offset, word, true);
  }
}

/** Inverse of `packSigns`: fills `codes` with ±1. */
export function unpackSigns(view: DataView, offset: number, codes: Int8Array): void {
  for (let i = 0; i < codes.length; offset += 4) {
    let word = view.getInt32(offset, true);
    const end = Math.min(i + 32, codes.length);
    for (; i < end; i++, word >>>= 1) codes[i] = 1 - 2 * (word & 1);
  }
}
