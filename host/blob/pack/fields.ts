/**
 * Packings field2, field3, field4 and field8 (FORMAT.md): two's complement fields of `bits` bits, as many whole ones as fit
 * into a u32, the first in its low bits; the rest of a word is 0.
 */

/** Bytes of `count` fields. */
export function fieldBytes(count: number, bits: number): number {
  return 4 * Math.ceil(count / lanes(bits));
}

/** Writes codes from `codes` as fields at byte `offset` of `view`. Each code fits `bits` bits. */
export function packFields(view: DataView, offset: number, codes: Int8Array, bits: number): void {
  for (let first = 0; first < codes.length; first += lanes(bits), offset += 4) {
    let word = 0;
    codes.subarray(first, first + lanes(bits)).forEach((code, lane) => {
      word |= (code & (2 ** bits - 1)) << (lane * bits);
    });
    view.setInt32(offset, word, true);
  }
}

/** Inverse of `packFields`: fills `codes` from the fields at byte `offset` of `view`. */
export function unpackFields(view: DataView, offset: number, codes: Int8Array, bits: number): void {
  for (let i = 0; i < codes.length; i++) {
    const word = view.getInt32(offset + 4 * Math.floor(i / lanes(bits)), true);
    const lane = i % lanes(bits);
    codes[i] = (word << (32 - bits * (lane + 1))) >> (32 - bits);
  }
}

function lanes(bits: number): number {
  return Math.floor(32 / bits);
}
