import { fieldCode as scalar } from "../scalar/field_code";
import { fields } from "./fields";
import { lanesBytes, sumLanes } from "./lanes";

/**
 * Contract: ../scalar/field_code.ts. The codes of field2 and field4 come in the order of lanes.ts, those of field8 as they are, 16 at a
 * time; field3, whose words hold 10 fields, stays scalar.
 */
export function fieldCode<A>(weights: usize, bits: u32, input: usize, inputs: u32): i32 {
  if (bits == 2) return inline.always(fields(2, weights, input + 16, input + lanesBytes(2, inputs)));
  if (bits == 4) return inline.always(fields(4, weights, input + 16, input + lanesBytes(4, inputs)));
  if (bits == 8) return bytes<A>(weights, input, inputs);
  return scalar<A>(weights, bits, input, inputs);
}

/** Σ_k weight[k] · code[k] of weights of a byte. */
function bytes<A>(weights: usize, input: usize, inputs: u32): i32 {
  let even = i32x4.splat(0);
  let odd = i32x4.splat(0);
  let left = inputs;
  for (; left >= 16; left -= 16, input += 16, weights += 16) {
    even = i32x4.add(even, i32x4.dot_i16x8_s(v128.load_ext<i8>(weights), v128.load_ext<A>(input)));
    odd = i32x4.add(odd, i32x4.dot_i16x8_s(v128.load_ext<i8>(weights, 8), v128.load_ext<A>(input, 8)));
  }
  const sum = sumLanes(i32x4.add(even, odd));
  return left ? sum + scalar<A>(weights, 8, input, left) : sum;
}
