/**
 * Dot products of fields of 4 bits by 64-bit multiplication. A word of 64 bits holds four fields in each of its four lanes of 16 bits; the j-th of
 * every lane, (word >> 4 j) & mask, is C = Σ_l c_l 2^(16 l). A prepared row holds the codes that they meet, in the other direction:
 * A = Σ_l a_l 2^(16 (3 − l)). Then bits 48 … 63 of A · C modulo 2^64 are Σ_l a_l c_l, plus a carry from below, which rounding takes away.
 * (HiKonv, arXiv 2112.13972.)
 *
 * Two such products add up before that. Fields are at most 15 and codes at most 255 in size: the sum, 2 · 4 · 15 · 255, stays below 2^15, and what is
 * below bit 48, at most 2 · 3 · 15 · 255 · 2^32 and a little, below 2^47.
 *
 *     i32 sum, 12 bytes unused │ word 0: A for j = 0, 1, 2, 3 │ word 1 …
 */
const HEADER: u32 = 16;

/** Bytes of a prepared row: two for each code. */
export function packedBytes(inputs: u32): u32 {
  return HEADER + ((inputs + 15) >> 4) * 32;
}

/** Prepares a row of codes, i8 if `signed` and u8 otherwise; codes past `inputs` are 0. `sum` is Σ code. */
export function toPacked(signed: bool, row: usize, inputs: u32, to: usize): void {
  let sum: i32 = 0;
  let at = to + HEADER;
  for (let first: u32 = 0; first < inputs; first += 16) {
    for (let j = first; j < first + 4; j++, at += 8) {
      let lanes: i64 = 0;
      for (let k = j; k < j + 16; k += 4) {
        const code: i32 = k >= inputs ? 0 : signed ? load<i8>(row + k) : load<u8>(row + k);
        lanes = (lanes << 16) + code;
        sum += code;
      }
      store<i64>(at, lanes);
    }
  }
  store<i32>(to, sum);
}

/** sums[r, c] = Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k]; two channels share the codes. The last word may reach 4 bytes past its row. */
export function packed(
  bias: i32,
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
    const add = bias * load<i32>(codes);
    const end = codes + packedBytes(inputs);
    let a = weights;
    for (let c: u32 = 0; c < channels; c += 2) {
      let b = c + 1 < channels ? a + weightStep : a;
      const next = b + weightStep;
      let sumA: i64 = 0;
      let sumB: i64 = 0;
      for (let at = codes + HEADER; at < end; at += 32, a += 8, b += 8) {
        const x = load<u64>(a);
        const y = load<u64>(b);
        sumA += inline.always(terms(x, 0, at));
        sumB += inline.always(terms(y, 0, at));
        sumA += inline.always(terms(x, 8, at + 16));
        sumB += inline.always(terms(y, 8, at + 16));
      }
      store<i32>(sums + (c << 2), <i32>sumA + add);
      if (c + 1 < channels) store<i32>(sums + (c << 2), <i32>sumB + add, 4);
      a = next;
    }
  }
}

/** Σ field · code over two fields of every lane, from bit `shift` on. */
function terms(word: u64, shift: u64, at: usize): i64 {
  const mask: u64 = 0x000f000f000f000f;
  const sum = ((word >> shift) & mask) * load<i64>(at) + ((word >> (shift + 4)) & mask) * load<i64>(at, 8);
  return (<i64>sum + ((<i64>1) << 47)) >> 48;
}
