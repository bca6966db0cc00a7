/**
 * Two's complement fields of `bits` bits (field2, field3, field4, field8) × codes of type A (i8 or u8): Σ_k field[k] · code[k] over
 * `inputs` lanes. A u32 word holds 32 / bits fields, the first in its low bits.
 */
export function fieldCode<A>(weights: usize, bits: u32, input: usize, inputs: u32): i32 {
  const shift = 32 - bits;
  const lanes = 32 / bits;
  let sum: i32 = 0;
  for (const end = input + inputs; input < end; weights += 4) {
    let word = load<i32>(weights);
    for (const stop = min<usize>(input + lanes, end); input < stop; input++, word >>= bits) {
      sum += ((word << shift) >> shift) * <i32>load<A>(input);
    }
  }
  return sum;
}
