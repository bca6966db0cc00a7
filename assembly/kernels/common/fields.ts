import { Packing } from "../../blob";
import { sumLanes2 } from "./bytes";

/** Bits of a field, for packings of fields that divide a byte; 0 for others. */
export function fieldBits(packing: u32): u32 {
  if (packing == Packing.sign32 || packing == Packing.sign128) return 1;
  return packing == Packing.field2 || packing == Packing.field4 || packing == Packing.field8 ? packing : 0;
}

/** Σ_k field[k] of a channel. */
export function fieldSum(bits: u32, weights: usize, inputs: u32): i32 {
  const mask = i8x16.splat(<i8>(((<u32>1) << bits) - 1));
  let sum = i32x4.splat(0);
  let left = inputs;
  for (; left >= 128 / bits; left -= 128 / bits, weights += 16) {
    let words = v128.load(weights);
    let total = v128.and(words, mask); // at most 8, 12, 30 or 255
    for (let field: u32 = bits; field < 8; field += bits) {
      words = i16x8.shr_u(words, bits);
      total = i8x16.add(total, v128.and(words, mask));
    }
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(total)));
  }
  let rest: i32 = 0;
  for (; left; weights += 4) {
    let word = load<u32>(weights);
    for (let lane = min<u32>(left, 32 / bits); lane; lane--, left--, word >>= bits) rest += word & ((1 << bits) - 1);
  }
  return i32x4.extract_lane(sumLanes2(sum, sum), 0) + rest;
}
