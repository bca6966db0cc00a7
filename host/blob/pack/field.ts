/**
 * Packings field2, field3, field4 and field8 (FORMAT.md): fields of `bits` bits, each a weight less `least`, as many whole ones as fit
 * into a u32, the first in its low bits; the rest of a word is 0.
 */

/** Bytes of `count` fields. */
export function fieldBytes(count: number, bits: number): number {
  return 4 * Math.ceil(count / lanes(bits));
}

/** Writes weights from `codes` as fields at byte `offset` of `view`. Each is `least` … least + 2^bits − 1. */
export function packFields(view: DataView, offset: number, codes: Int8Array, bits: number, least: number): void {
  for (let i = 0; i < codes.length; offset += 4) {
    let word = 0;
    const end = Math.min(i + lanes(bits), codes.length);
    for (let shift = 0; i < end; i++, shift += bits) word |= (codes[i]! - least) << shift;
    view.setInt32(offset, word, true);
  }
}

/** Inverse of `packFields`: fills `codes` from the fields at byte `offset` of `view`. */
export function unpackFields(view: DataView, offset: number, codes: Int8Array, bits: number, least: number): void {
  const mask = (1 << bits) - 1;
  for (let i = 0; i < codes.length; offset += 4) {
    let word = view.getInt32(offset, true);
    const end = Math.min(i + lanes(bits), codes.length);
    for (; i < end; i++, word >>>= bits) codes[i] = (word & mask) + least;
  }
}

function lanes(bits: number): number {
  return Math.floor(32 / bits);
}
