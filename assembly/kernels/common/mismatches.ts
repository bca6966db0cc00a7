/** Bits in which two rows of `inputs` bits differ; those behind the last are pushed out. */
export function mismatches(weights: usize, bits: usize, inputs: u32): i32 {
  let count: i32 = 0;
  for (let left: i32 = inputs; left > 0; left -= 32, weights += 4, bits += 4) {
    count += popcnt<i32>((load<u32>(weights) ^ load<u32>(bits)) << max(32 - left, 0));
  }
  return count;
}
