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
    let a = weights;
    for (let c: u32 = 0; c < channels; c += 2) {
      let b = c + 1 < channels ? a + weightStep : a;
      let countA: i64 = 0;
      let countB: i64 = 0;
      const next = b + weightStep;
      let x = codes;
      let left = inputs;
      for (const end = codes + ((inputs >> 7) << 4); x < end; x += 16, a += 16, b += 16) {
        const x0 = load<u64>(x);
        const x1 = load<u64>(x, 8);
        countA += popcnt(load<u64>(a) ^ x0);
        countB += popcnt(load<u64>(b) ^ x0);
        countA += popcnt(load<u64>(a, 8) ^ x1);
        countB += popcnt(load<u64>(b, 8) ^ x1);
      }
      left &= 127;
      countA += mismatches(a, x, left);
      countB += mismatches(b, x, left);
      store<i32>(sums + (c << 2), inputs - 2 * <i32>countA);
      if (c + 1 < channels) store<i32>(sums + (c << 2), inputs - 2 * <i32>countB, 4);
      a = next;
    }
  }
}

/** Bits in which two rows of `inputs` bits differ, word by word. */
export function mismatches(weights: usize, bits: usize, inputs: u32): i32 {
  let count: i32 = 0;
  let left: i32 = inputs;
  for (; left > 32; left -= 32, weights += 4, bits += 4) count += popcnt<i32>(load<u32>(weights) ^ load<u32>(bits));
  if (left) count += popcnt<i32>((load<u32>(weights) ^ load<u32>(bits)) << (32 - left));
  return count;
}
