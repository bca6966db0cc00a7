/**
 * Binary weights (sign32) × bits: Σ_k ±1 · ±1 over `inputs` lanes.
 * Each differing bit turns a +1 product into −1, hence `inputs − 2 · mismatches`.
 * Both are read in whole words; bits of the last word past `inputs` are masked.
 */
export function signBit(weights: usize, input: usize, inputs: u32): i32 {
  let mismatches: i32 = 0;
  for (const last = weights + (((inputs - 1) >> 5) << 2); weights < last; weights += 4, input += 4) {
    mismatches += popcnt<i32>(load<u32>(weights) ^ load<u32>(input));
  }
  const mask: u32 = ~0 >>> ((0 - inputs) & 31);
  mismatches += popcnt<i32>((load<u32>(weights) ^ load<u32>(input)) & mask);
  return inputs - 2 * mismatches;
}
