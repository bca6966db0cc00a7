import { toBytes } from "./relaxed/bytes";
import { fieldCode as relaxedFieldCode } from "./relaxed/field_code";
import { signCode as relaxedSignCode } from "./relaxed/sign_code";
import { fieldCode as scalarFieldCode } from "./scalar/field_code";
import { signBit as scalarSignBit } from "./scalar/sign_bit";
import { signCode as scalarSignCode } from "./scalar/sign_code";
import { fieldCode as simdFieldCode } from "./simd/field_code";
import { lanesBytes, toLanes } from "./simd/lanes";
import { signBit as simdSignBit } from "./simd/sign_bit";
import { signCode as simdSignCode } from "./simd/sign_code";

/**
 * The only file that knows which variants exist; it chooses by the compile-time constants ASC_FEATURE_SIMD and
 * ASC_FEATURE_RELAXED_SIMD (which implies the other), and what is not chosen is not compiled. A variant is a folder whose files
 * have the names and exports of scalar/; where one has none of its own, the next best serves.
 */
export function signBit(weights: usize, input: usize, inputs: u32): i32 {
  if (ASC_FEATURE_SIMD) return inline.always(simdSignBit(weights, input, inputs));
  return inline.always(scalarSignBit(weights, input, inputs));
}

export function signCode<A>(weights: usize, input: usize, inputs: u32): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) return inline.always(relaxedSignCode<A>(weights, input, inputs));
  if (ASC_FEATURE_SIMD) return inline.always(simdSignCode<A>(weights, input, inputs));
  return inline.always(scalarSignCode<A>(weights, input, inputs));
}

export function fieldCode<A>(weights: usize, bits: u32, input: usize, inputs: u32): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) return inline.always(relaxedFieldCode<A>(weights, bits, input, inputs));
  if (ASC_FEATURE_SIMD) return inline.always(simdFieldCode<A>(weights, bits, input, inputs));
  return inline.always(scalarFieldCode<A>(weights, bits, input, inputs));
}

/**
 * Bytes of an input row in the order that the kernel of a packing wants codes in; 0: as they are. The packings of fields that divide 16
 * bits are wanted in lanes (simd/lanes.ts) or bytes (relaxed/bytes.ts), which take less.
 */
export function orderedBytes(packing: u32, inputs: u32): u32 {
  if (!ASC_FEATURE_SIMD) return 0;
  return packing == 1 || packing == 2 || packing == 4 ? lanesBytes(packing, inputs) : 0;
}

/** Writes a row of codes of type A to `ordered`, in the order that the kernel of a packing wants. */
export function orderCodes<A>(packing: u32, row: usize, inputs: u32, ordered: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD && toBytes<A>(packing, row, inputs, ordered)) return;
  if (ASC_FEATURE_SIMD) toLanes<A>(packing, row, inputs, ordered);
}
