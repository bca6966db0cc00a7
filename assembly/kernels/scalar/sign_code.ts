/**
 * Binary weights (sign32) × codes of type A (i8 or u8), where kernels are to be small; others prepare rows (prepared_code.ts). Contract: ../README.md.
 */
export function signCode<A>(
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
      store<i32>(sums + (c << 2), product<A>(weights + c * weightStep, codes, inputs));
    }
  }
}

function product<A>(weights: usize, codes: usize, inputs: u32): i32 {
  let sum: i32 = 0;
  let word: i32 = 0;
  for (let k: u32 = 0; k < inputs; k++, word >>= 1) {
    if (!(k & 31)) {
      word = load<i32>(weights);
      weights += 4;
    }
    const negative = (word << 31) >> 31; // 0 or −1
    sum += (<i32>load<A>(codes + k) ^ negative) - negative;
  }
  return sum;
}
