import { Activation } from "../blob";
import { BIT_TENSOR, QUANTIZES_I32, WIDE } from "../features";
import { DTYPES } from "../profiles";

// What is proven of quantize ops, which layer.ts runs.

/** Whether this build quantizes elements of a dtype. */
export function quantizeIsBuilt(from: i32): bool {
  return from <= Activation.i8 || DTYPES & (from == Activation.i32 ? QUANTIZES_I32 : WIDE);
}

export function quantizeFits(from: i32, inputs: u32, channels: u32): bool {
  return !((DTYPES & BIT_TENSOR && from == Activation.bit) || inputs != channels);
}
