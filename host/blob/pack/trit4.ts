/**
 * Packing trit4 (FORMAT.md): ternary weights of 4 output channels, for kernels that look the sum of four products up by a byte of weights.
 * For every 16 inputs 16 bytes, four of each channel, each of four weights: twice a number with digits d = weight + 1, the first in base 4, the
 * others in base 3. Weights behind the last are 0, and so are bytes of no channel.
 */

export const TRIT4_CHANNELS = 4;
/** Bytes of 16 inputs, a block: the groups of a tile take turns by blocks. */
export const TRIT4_BLOCK_BYTES = 16;
const BLOCK_INPUTS = 16;

/** Factors of the digits of a byte. */
const FACTORS = [2, 8, 24, 72];

/** Bytes of 4 channels of `inputs` weights. */
export function trit4Bytes(inputs: number): number {
  return TRIT4_BLOCK_BYTES * Math.ceil(inputs / BLOCK_INPUTS);
}

/** Writes `codes`, (up to 4 channels, inputs), at byte `offset` of `view`, where zeros are. */
export function packTrit4(view: DataView, offset: number, codes: Int8Array, inputs: number): void {
  for (let channel = 0; channel * inputs < codes.length; channel++) {
    const row = codes.subarray(channel * inputs, (channel + 1) * inputs);
    for (let k = 0; k < BLOCK_INPUTS * Math.ceil(inputs / BLOCK_INPUTS); k++) {
      const at = byteOf(offset, channel, k);
      view.setUint8(at, view.getUint8(at) + FACTORS[k % 4]! * ((row[k] ?? 0) + 1));
    }
  }
}

/** Inverse of `packTrit4`: fills `codes`. What no writer makes gives a code of 2: an odd byte, a first digit of 3, one above 212. */
export function unpackTrit4(view: DataView, offset: number, codes: Int8Array, inputs: number): void {
  for (let channel = 0; channel * inputs < codes.length; channel++) {
    for (let k = 0; k < inputs; k++) {
      const byte = view.getUint8(byteOf(offset, channel, k));
      const digit = Math.floor(byte / FACTORS[k % 4]!) % (k % 4 === 0 ? 4 : 3);
      codes[channel * inputs + k] = byte % 2 || byte > 214 ? 2 : digit - 1;
    }
  }
}

/** The byte that holds weight k of a channel. */
function byteOf(offset: number, channel: number, k: number): number {
  return offset + TRIT4_BLOCK_BYTES * Math.floor(k / BLOCK_INPUTS) + 4 * channel + Math.floor((k % BLOCK_INPUTS) / 4);
}
