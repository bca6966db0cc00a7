import type { Tensor } from "../program.ts";
import { ACTIVATION, align16 } from "./layout.ts";

/** Bytes of a row's elements, without padding. */
export function elementBytes(tensor: Tensor): number {
  return Math.ceil((tensor.channels * 2 ** (ACTIVATION[tensor.dtype] >> 1)) / 8);
}

/** Bytes from one row to the next. */
export function rowStride(tensor: Tensor): number {
  return align16(elementBytes(tensor));
}
