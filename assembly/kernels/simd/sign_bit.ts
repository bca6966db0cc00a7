import { mismatches as scalar } from "../scalar/sign_bit";
import { sumLanes } from "./bytes";

/** Contract: ../scalar/sign_bit.ts. 128 lanes at a time; the rest, less than 128, word by word. */
export function signBit(
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    for (let c: u32 = 0; c < channels; c++) {
      store<i32>(sums + (c << 2), inputs - 2 * mismatches(weights + c * weightStep, codes, inputs));
    }
  }
}

function mismatches(weights: usize, bits: usize, inputs: u32): i32 {
  let counts = i32x4.splat(0);
  let left = inputs;
  for (; left >= 128; left -= 128, weights += 16, bits += 16) {
    const ones = i8x16.popcnt(v128.xor(v128.load(weights), v128.load(bits)));
    counts = i32x4.add(counts, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(ones)));
  }
  return sumLanes(counts) + (left ? scalar(weights, bits, left) : 0);
}
