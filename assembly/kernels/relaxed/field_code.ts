import { fieldCode as simd } from "../simd/field_code";
import { flippedFields2, flippedFields4 } from "./fields";

/** Contract: ../scalar/field_code.ts. The codes of field2 and field4 come in the order of bytes.ts, if they fit i8; the rest as in simd. */
export function fieldCode<A>(weights: usize, bits: u32, input: usize, inputs: u32): i32 {
  if (bits == 2 && load<i32>(input, 4)) {
    return inline.always(flippedFields2(weights, input, inputs)) - 2 * load<i32>(input);
  }
  if (bits == 4 && load<i32>(input, 4)) {
    return inline.always(flippedFields4(weights, input, inputs)) - 8 * load<i32>(input);
  }
  return simd<A>(weights, bits, input, inputs);
}
