import { Op, Packing } from "./blob";
import { FIELD2X16, PAIR4, SIGN128, TAP8 } from "./features";
import { PACKINGS } from "./profiles";

/** Whether a packing stores groups of 16 channels. */
export function inGroups(packing: u32): bool {
  if (PACKINGS & FIELD2X16 && packing == Packing.field2x16) return true;
  if (PACKINGS & TAP8 && packing == Packing.tap8) return true;
  return PACKINGS & PAIR4 && packing == Packing.pair4;
}

/** Whether an op has weights in tap8: a convolution in groups of one channel, once that is proven. */
export function isDepthwise(op: usize): bool {
  return PACKINGS & TAP8 && load<u8>(op, Op.packing) == Packing.tap8;
}

/**
 * Bytes of an output channel's weights, unless they are in trit4 (ops/trit4.ts), in u32 words of as many whole fields as fit; a sixteenth of a group's.
 * `packing` is not `none`.
 */
export function weightRowBytes(packing: u32, inputs: u32): u32 {
  if (PACKINGS & TAP8 && packing == Packing.tap8) return inputs;
  if (inGroups(packing)) return 4 + ((inputs + 3) >> 2);
  if (PACKINGS & SIGN128 && packing == Packing.sign128) return ((inputs + 127) >> 7) << 4;
  const lanes = 32 / packing;
  return ((inputs + lanes - 1) / lanes) << 2;
}
