/**
 * Dot products by 64-bit multiplication, for fields of 1, 2 or 4 bits. A word of 64 bits holds 16 / bits fields in each of its four lanes of
 * 16 bits; the j-th of every lane, (word >> bits · j) & mask, is C = Σ_l c_l 2^(16 l). A prepared row holds the codes that they meet, in the other
 * direction: A = Σ_l a_l 2^(16 (3 − l)). Then bits 48 … 63 of A · C modulo 2^64 are Σ_l a_l c_l, plus a carry from below, which rounding takes away.
 * (HiKonv, arXiv 2112.13972.)
 *
 * `terms` products add up before that. Fields are at most f = 2^bits − 1 and codes at most 255 in size: the sum, 4 · f · 255 · terms, must stay
 * below 2^15, and what is below bit 48, at most 3 · f · 255 · terms · 2^32 and a little, below 2^47: 16 terms of one bit, 8 of two, 2 of four.
 *
 *     i32 sum, 12 bytes unused │ word 0: A for j = 0 … 16 / bits − 1 │ word 1 …
 */
const HEADER: u32 = 16;

/** Bytes of a prepared row: two for each code. */
export function packedBytes(bits: u32, inputs: u32): u32 {
  const fields = 64 / bits;
  return HEADER + ((inputs + fields - 1) / fields) * (fields << 1);
}

/** Prepares a row of codes, i8 if `signed` and u8 otherwise; codes past `inputs` are 0. `sum` is Σ code. */
export function toPacked(signed: bool, bits: u32, row: usize, inputs: u32, to: usize): void {
  const lane: u32 = 16 / bits;
  let sum: i32 = 0;
  let at = to + HEADER;
  for (let first: u32 = 0; first < inputs; first += lane << 2) {
    for (let j = first; j < first + lane; j++, at += 8) {
      let packed: i64 = 0;
      for (let k = j; k < j + (lane << 2); k += lane) {
        const code: i32 = k >= inputs ? 0 : signed ? load<i8>(row + k) : load<u8>(row + k);
        packed = (packed << 16) + code;
        sum += code;
      }
      store<i64>(at, packed);
    }
  }
  store<i32>(to, sum);
}

/** sums[r, c] = factor · Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k]; two channels share the codes. The last word may reach 4 bytes past its row. */
function packed(
  bits: u32,
  factor: i32,
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
  const bytes = packedBytes(bits, inputs);
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const add = bias * load<i32>(codes);
    let a = weights;
    for (let c: u32 = 0; c < channels; c += 2) {
      let b = c + 1 < channels ? a + weightStep : a;
      const next = b + weightStep;
      let sumA: i64 = 0;
      let sumB: i64 = 0;
      const end = codes + bytes;
      for (let at = codes + HEADER; at < end; at += 128 / bits, a += 8, b += 8) {
        const x = load<u64>(a);
        const y = load<u64>(b);
        sumA += inline.always(terms(bits, x, 0, at));
        sumB += inline.always(terms(bits, y, 0, at));
        if (bits == 1) {
          sumA += inline.always(terms(1, x, 8, at));
          sumB += inline.always(terms(1, y, 8, at));
        }
        if (bits == 4) {
          sumA += inline.always(terms(4, x, 2, at));
          sumB += inline.always(terms(4, y, 2, at));
        }
      }
      store<i32>(sums + (c << 2), factor * <i32>sumA + add);
      if (c + 1 < channels) store<i32>(sums + (c << 2), factor * <i32>sumB + add, 4);
      a = next;
    }
  }
}

/** Fields of 1 bit. */
export function packed1(
  factor: i32,
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
  inline.always(packed(1, factor, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Fields of 2 bits. */
export function packed2(
  factor: i32,
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
  inline.always(packed(2, factor, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Fields of 4 bits. */
export function packed4(
  factor: i32,
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
  inline.always(packed(4, factor, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Σ field · code over two (4 bits) or eight fields of every lane, from field j on. */
function terms(bits: u32, word: u64, j: u32, at: usize): i64 {
  let sum = inline.always(term(bits, word, j, at)) + inline.always(term(bits, word, j + 1, at));
  if (bits < 4) {
    sum += inline.always(term(bits, word, j + 2, at));
    sum += inline.always(term(bits, word, j + 3, at));
    sum += inline.always(term(bits, word, j + 4, at));
    sum += inline.always(term(bits, word, j + 5, at));
    sum += inline.always(term(bits, word, j + 6, at));
    sum += inline.always(term(bits, word, j + 7, at));
  }
  return (sum + ((<i64>1) << 47)) >> 48;
}

function term(bits: u32, word: u64, j: u32, at: usize): i64 {
  const mask: u64 = bits == 1 ? 0x0001000100010001 : bits == 2 ? 0x0003000300030003 : 0x000f000f000f000f;
  return ((word >> (bits * j)) & mask) * load<i64>(at + (j << 3));
}
