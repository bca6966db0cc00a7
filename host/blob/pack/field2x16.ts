/**
 * Packing field2x16 (FORMAT.md): fields of two bits of 16 output channels, each a weight less `least`, for kernels whose lanes are channels. First the sums
 * of the channels' fields, 16 × i32; then for every 4 inputs 16 bytes: byte 4l + i holds those of input i of channels l, 4 + l, 8 + l and 12 + l.
 */

export const FIELD2X16_CHANNELS = 16;
const SUMS_BYTES = 4 * FIELD2X16_CHANNELS;

/** Bytes of 16 channels of `inputs` weights. */
export function field2x16Bytes(inputs: number): number {
  return SUMS_BYTES + 16 * Math.ceil(inputs / 4);
}

/** Writes `codes`, (up to 16 channels, inputs), at byte `offset` of `view`, where zeros are. */
export function packField2x16(view: DataView, offset: number, codes: Int8Array, inputs: number, least: number): void {
  for (let channel = 0; channel * inputs < codes.length; channel++) {
    let sum = 0;
    for (let k = 0; k < inputs; k++) {
      const field = codes[channel * inputs + k]! - least;
      const at = byteOf(offset, channel, k);
      view.setUint8(at, view.getUint8(at) | (field << shiftOf(channel)));
      sum += field;
    }
    view.setInt32(offset + 4 * channel, sum, true);
  }
}

/** Inverse of `packField2x16`: fills `codes`. The sums are not read. */
export function unpackField2x16(view: DataView, offset: number, codes: Int8Array, inputs: number, least: number): void {
  for (let channel = 0; channel * inputs < codes.length; channel++) {
    for (let k = 0; k < inputs; k++) {
      const field = (view.getUint8(byteOf(offset, channel, k)) >> shiftOf(channel)) & 3;
      codes[channel * inputs + k] = field + least;
    }
  }
}

/** The byte that holds weight k of a channel, and where its field begins. */
function byteOf(offset: number, channel: number, k: number): number {
  return offset + SUMS_BYTES + 16 * Math.floor(k / 4) + 4 * (channel % 4) + (k % 4);
}

function shiftOf(channel: number): number {
  return 2 * Math.floor(channel / 4);
}
