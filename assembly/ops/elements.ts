import { Activation } from "../blob";
import { BIT_TENSOR, QUANTIZES_I32, SIGNED_INPUT, WIDE } from "../features";
import { DTYPES } from "../profiles";
import { nextPosition, sums } from "../regions";
import { dtypeOf } from "../tensors";

/**
 * A block of sums for quantize: the elements of `height` positions from number `i` on, which is at `at`, and of `width` channels from `first` on.
 * Returns where the next position is.
 */
export function elements(tensor: usize, at: usize, i: u32, height: u32, first: u32, width: u32): usize {
  for (let r: u32 = 0; r < height; r++, at = nextPosition(tensor, at, i++)) {
    const to = sums + r * (width << 2);
    for (let c: u32 = 0; c < width; c++) store<i32>(to + (c << 2), element(tensor, at, first + c));
  }
  return at;
}

/** Element `channel` of the position at `row` as an integer; an f32 as its order key (FORMAT.md). */
export function element(tensor: usize, row: usize, channel: u32): i32 {
  if (DTYPES & SIGNED_INPUT && dtypeOf(tensor) == Activation.i8) return load<i8>(row + channel);
  if (!(DTYPES & (WIDE | QUANTIZES_I32)) || dtypeOf(tensor) == Activation.u8) return load<u8>(row + channel);
  const dtype = dtypeOf(tensor);
  if (dtype == Activation.i16) return load<i16>(row + (channel << 1));
  const bits = load<i32>(row + (channel << 2));
  return dtype == Activation.f32 ? bits ^ ((bits >> 31) & 0x7fffffff) : bits;
}

/** Stores a code as element `channel` of the position at `row`; its bits have been cleared. */
export function storeElement(isBit: bool, row: usize, channel: u32, code: i32): void {
  if (!(DTYPES & BIT_TENSOR) || !isBit) {
    store<u8>(row + channel, code);
    return;
  }
  const at = row + (channel >> 3);
  store<u8>(at, load<u8>(at) | ((code >>> 31) << (channel & 7)));
}
