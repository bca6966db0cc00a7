import { fields } from "./fields";
import { lanesBytes } from "./lanes";

/**
 * Contract: ../scalar/sign_code.ts, with codes in the order of lanes.ts. A bit is a field of one bit, 0 or −1, and the weight is
 * 1 + 2 · field: so the sum is Σ code + 2 Σ field · code.
 */
export function signCode<_A>(weights: usize, input: usize, inputs: u32): i32 {
  return load<i32>(input) + 2 * inline.always(fields(1, weights, input + 16, input + lanesBytes(1, inputs)));
}
