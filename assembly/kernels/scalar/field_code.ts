import { SMALL } from "../../profiles";

/**
 * Weights in fields (field2, field3, field4, field8) × codes of type A (i8 or u8). A u32 word holds 32 / bits fields of `bits` bits, the first
 * in its low bits; a field is a weight plus `offset`. Lane by lane: most widths have kernels for prepared rows (prepared_code.ts), unless they are to be small.
 * Contract: ../README.md.
 */
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
  if (SMALL) {
    store<i32>(sums, inline.always(product<A>(bits, offset, weights, codes, inputs))); // blocks are of one channel and one row
    return;
  }
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    for (let c: u32 = 0; c < channels; c++) {
      store<i32>(sums + (c << 2), inline.always(product<A>(bits, offset, weights + c * weightStep, codes, inputs)));
    }
  }
}

function product<A>(bits: u32, offset: i32, weights: usize, codes: usize, inputs: u32): i32 {
  const lanes = 32 / bits;
  const mask = (1 << bits) - 1;
  let sum: i32 = 0;
  for (const end = codes + inputs; codes < end; weights += 4) {
    let word = load<i32>(weights);
    for (const stop = min<usize>(codes + lanes, end); codes < stop; codes++, word >>= bits) {
      sum += ((word & mask) - offset) * <i32>load<A>(codes);
    }
  }
  return sum;
}
