/**
 * Packings field2, field3, field4, field8 and field2sum (FORMAT.md): fields of `bits` bits, each a weight less `least`, as many whole ones as fit
 * into a u32, the first in its low bits; the rest of a word is 0.
 */

/** Bytes of `count` fields. */
export function fieldBytes(count: number, bits: number): number {
  return 4 * Math.ceil(count / lanes(bits));
}

/** Writes weights from `codes` as fields at byte `offset` of `view`. Each is `least` … least + 2^bits − 1. */
export function packFields(view: DataView, offset: number, codes: Int8Array, bits: number, least: number): void {
  for (let first = 0; first < codes.length; first += lanes(bits), offset += 4) {
    let word = 0;
    codes.subarray(first, first + lanes(bits)).forEach((code, lane) => {
      word |= (code - least) << (lane * bits);
    });
    view.setInt32(offset, word, true);
  }
}

/** Writes the sum of the fields of `codes`. */
export function packSum(view: DataView, offset: number, codes: Int8Array, least: number): void {
  view.setInt32(
    offset,
    codes.reduce((sum, code) => sum + code - least, 0),
    true,
  );
}

/** Inverse of `packFields`: fills `codes` from the fields at byte `offset` of `view`. */
export function unpackFields(view: DataView, offset: number, codes: Int8Array, bits: number, least: number): void {
  for (let i = 0; i < codes.length; i++) {
    const word = view.getInt32(offset + 4 * Math.floor(i / lanes(bits)), true);
    codes[i] = ((word >>> (bits * (i % lanes(bits)))) & (2 ** bits - 1)) + least;
  }
}

function lanes(bits: number): number {
  return Math.floor(32 / bits);
}
