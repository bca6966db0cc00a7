/**
 * Packing pair4 (FORMAT.md): ternary weights of 16 output channels, for kernels that look the product of a pair of weights up. First the
 * channels' sums, 16 × i32; then for every 4 inputs 16 bytes, one per channel: two nibbles of two weights each.
 */

export const PAIR4_CHANNELS = 16;
const SUMS_BYTES = 4 * PAIR4_CHANNELS;

/** Bytes of 16 channels of `inputs` weights. */
export function pair4Bytes(inputs: number): number {
  return SUMS_BYTES + PAIR4_CHANNELS * Math.ceil(inputs / 4);
}

/** Writes `codes`, (up to 16 channels, inputs), at byte `offset` of `view`, where zeros are. */
export function packPair4(view: DataView, offset: number, codes: Int8Array, inputs: number): void {
  for (let channel = 0; channel * inputs < codes.length; channel++) {
    const row = codes.subarray(channel * inputs, (channel + 1) * inputs);
    const sum = row.reduce((total, code) => total + code, 0);
    view.setInt32(offset + 4 * channel, sum, true);
    for (let k = 0; k < inputs; k += 2) {
      const nibble = 3 * (row[k]! + 1) + ((row[k + 1] ?? 0) + 1);
      const at = byteOf(offset, channel, k);
      view.setUint8(at, view.getUint8(at) | (nibble << shiftOf(k)));
    }
  }
}

/** Inverse of `packPair4`: fills `codes`. A nibble above 8 gives a code above 1; the sums are not read. */
export function unpackPair4(view: DataView, offset: number, codes: Int8Array, inputs: number): void {
  for (let channel = 0; channel * inputs < codes.length; channel++) {
    for (let k = 0; k < inputs; k++) {
      const nibble = (view.getUint8(byteOf(offset, channel, k)) >> shiftOf(k)) & 15;
      codes[channel * inputs + k] = (k % 2 === 0 ? Math.floor(nibble / 3) : nibble % 3) - 1;
    }
  }
}

/** The byte that holds weight k of a channel, and where its nibble begins. */
function byteOf(offset: number, channel: number, k: number): number {
  return offset + SUMS_BYTES + PAIR4_CHANNELS * Math.floor(k / 4) + channel;
}

function shiftOf(k: number): number {
  return k % 4 < 2 ? 0 : 4;
}
