/**
 * Packing trit5 (FORMAT.md): ternary weights, five in a byte as the digits of a number in base 3, the first in the lowest: 3^5 = 243 ≤ 256,
 * so 1.6 bits per weight. Digits behind the last weight are 0.
 */

const TRITS = 5;

/** Bytes of `count` weights, a multiple of 4. */
export function trit5Bytes(count: number): number {
  return 4 * Math.ceil(count / (4 * TRITS));
}

/** Writes the ternary `codes` at byte `offset` of `view`, where zeros are. */
export function packTrit5(view: DataView, offset: number, codes: Int8Array): void {
  for (let first = 0; first < codes.length; first += TRITS, offset++) {
    const number = codes.subarray(first, first + TRITS).reduceRight((high, code) => 3 * high + code + 1, 0);
    view.setUint8(offset, number);
  }
}

/** Inverse of `packTrit5`: fills `codes`. A byte above 242 has a last digit of 3, and gives a code of 2. */
export function unpackTrit5(view: DataView, offset: number, codes: Int8Array): void {
  for (let first = 0; first < codes.length; first += TRITS, offset++) {
    let number = view.getUint8(offset);
    for (let i = 0; i < TRITS && first + i < codes.length; i++) {
      const digit = i < TRITS - 1 ? number % 3 : number;
      codes[first + i] = digit - 1;
      number = (number - digit) / 3;
    }
  }
}
