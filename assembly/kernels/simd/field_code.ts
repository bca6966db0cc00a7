import { sumLanes } from "../common/bytes";
import { fieldCode as scalar } from "../scalar/field_code";

/** Contract: ../scalar/field_code.ts. field8 16 codes at a time; field3, whose words hold 10 fields, as in scalar. */
export function fieldCode<A>(
  bits: u32,
  offset: i32,
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
  if (bits == 3) {
    scalar<A>(3, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
    return;
  }
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    for (let c: u32 = 0; c < channels; c++) {
      store<i32>(sums + (c << 2), bytes<A>(weights + c * weightStep, codes, inputs));
    }
  }
}

/** Σ_k (byte[k] − 128) · code[k] */
function bytes<A>(weights: usize, codes: usize, inputs: u32): i32 {
  const flip = i8x16.splat(-128);
  let low = i32x4.splat(0);
  let high = i32x4.splat(0);
  let left = inputs;
  for (; left >= 16; left -= 16, codes += 16, weights += 16) {
    const signed = v128.xor(v128.load(weights), flip);
    low = i32x4.add(low, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(signed), v128.load_ext<A>(codes)));
    high = i32x4.add(high, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(signed), v128.load_ext<A>(codes, 8)));
  }
  let sum = sumLanes(i32x4.add(low, high));
  for (; left; left--, codes++, weights++) sum += (<i32>load<u8>(weights) - 128) * <i32>load<A>(codes);
  return sum;
}
