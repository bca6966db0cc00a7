/** Binary weights (sign32) × codes of type A (i8 or u8): Σ_k ±code[k] over `inputs` lanes. */
export function signCode<A>(weights: usize, input: usize, inputs: u32): i32 {
  let sum: i32 = 0;
  let word: i32 = 0;
  for (let k: u32 = 0; k < inputs; k++, word >>= 1) {
    if (!(k & 31)) {
      word = load<i32>(weights);
      weights += 4;
    }
    const negative = (word << 31) >> 31; // 0 or −1
    sum += (<i32>load<A>(input + k) ^ negative) - negative;
  }
  return sum;
}
