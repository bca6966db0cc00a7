/** Packings sign32 and sign128 (FORMAT.md): 32 binary weights in a u32, the first in its lowest bit; bit 1 is −1, the rest is 0. */

/** Bytes of `count` signs, in as many whole groups of `lanes` as they need. */
export function signBytes(count: number, lanes: 32 | 128): number {
  return (lanes / 8) * Math.ceil(count / lanes);
}

/** Writes the signs of `codes` (±1) at byte `offset` of `view`, where zeros are. */
export function packSigns(view: DataView, offset: number, codes: Int8Array): void {
  for (let first = 0; first < codes.length; first += 32, offset += 4) {
    let word = 0;
    codes.subarray(first, first + 32).forEach((code, lane) => {
      if (code < 0) word |= 1 << lane;
    });
    view.setInt32(offset, word, true);
  }
}

/** Inverse of `packSigns`: fills `codes` with ±1. */
export function unpackSigns(view: DataView, offset: number, codes: Int8Array): void {
  for (let i = 0; i < codes.length; i++) {
    const word = view.getInt32(offset + 4 * Math.floor(i / 32), true);
    codes[i] = (word >> (i % 32)) & 1 ? -1 : 1;
  }
}
