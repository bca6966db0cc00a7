import { signBit as scalar } from "../scalar/sign_bit";
import { sumLanes } from "./lanes";

/** Contract: ../scalar/sign_bit.ts. 128 lanes at a time; the rest, less than 128, word by word. */
export function signBit(weights: usize, input: usize, inputs: u32): i32 {
  let mismatches = i32x4.splat(0);
  let left = inputs;
  for (; left >= 128; left -= 128, weights += 16, input += 16) {
    const counts = i8x16.popcnt(v128.xor(v128.load(weights), v128.load(input)));
    mismatches = i32x4.add(mismatches, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(counts)));
  }
  const sum: i32 = <i32>(inputs - left) - 2 * sumLanes(mismatches);
  return left ? sum + scalar(weights, input, left) : sum;
}
