import { signCode as simd } from "../simd/sign_code";
import { fields1 } from "./fields";

/** Contract: ../scalar/sign_code.ts. Codes come in the order of bytes.ts, if they fit i8. The weight of a bit b is 1 − 2 b. */
export function signCode<A>(weights: usize, input: usize, inputs: u32): i32 {
  if (!load<i32>(input, 4)) return simd<A>(weights, input, inputs);
  return load<i32>(input) - 2 * inline.always(fields1(weights, input, inputs));
}
