/**
 * Packing tap8 (FORMAT.md): weights of 16 output channels that see one channel each, a byte for each weight, so that it holds every dtype: byte 16t + l is
 * that of tap t of channel l. Bytes of no channel are 0.
 */

export const TAP8_CHANNELS = 16;

/** Bytes of 16 channels of `taps` weights. */
export function tap8Bytes(taps: number): number {
  return TAP8_CHANNELS * taps;
}

/** Writes `codes`, (up to 16 channels, taps), at byte `offset` of `view`, where zeros are. */
export function packTap8(view: DataView, offset: number, codes: Int8Array, taps: number): void {
  for (let i = 0; i < codes.length; i++) view.setInt8(byteOf(offset, i, taps), codes[i]!);
}

/** Inverse of `packTap8`: fills `codes`. */
export function unpackTap8(view: DataView, offset: number, codes: Int8Array, taps: number): void {
  for (let i = 0; i < codes.length; i++) codes[i] = view.getInt8(byteOf(offset, i, taps));
}

/** The byte that holds weight i of (channels, taps). */
function byteOf(offset: number, i: number, taps: number): number {
  return offset + TAP8_CHANNELS * (i % taps) + Math.floor(i / taps);
}
