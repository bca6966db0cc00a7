/**
 * Binary weights (sign32) × bits. Each differing bit turns a product of +1 into −1, hence inputs − 2 · mismatches. Bits of the last
 * word past `inputs` are masked. Contract: ../README.md.
 */
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

/** Bits in which two rows of `inputs` bits differ. */
export function mismatches(weights: usize, bits: usize, inputs: u32): i32 {
  let even: i64 = 0;
  let odd: i64 = 0;
  let left: u32 = inputs;
  for (; left >= 128; left -= 128, weights += 16, bits += 16) {
    even += popcnt<i64>(load<u64>(weights) ^ load<u64>(bits));
    odd += popcnt<i64>(load<u64>(weights, 8) ^ load<u64>(bits, 8));
  }
  let count = <i32>(even + odd);
  for (; left > 32; left -= 32, weights += 4, bits += 4) count += popcnt<i32>(load<u32>(weights) ^ load<u32>(bits));
  if (left) count += popcnt<i32>((load<u32>(weights) ^ load<u32>(bits)) << (32 - left));
  return count;
}
