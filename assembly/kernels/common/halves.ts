/**
 * Fields of 8, 4, 2 bits or 1 × codes as i16, for cores that multiply halves of registers where they are. A word of L fields, shifted by j fields and masked, is field j and, in the upper
 * half, field j + L / 2. The codes that they meet stand the other way round: an upper half always meets a lower one, since compilers of C do not find the product of two upper ones.
 *
 *     i32 sum, 12 bytes unused │ i16 code L / 2, 0, L / 2 + 1, 1, …, L − 1, L / 2 − 1 │ the same of the next L │ …
 *
 * `sum` is Σ code. Codes behind the last, up to a multiple of 32, are 0.
 */
const HEADER: u32 = 16;

/** Bytes of a prepared row. */
export function halvesBytes(inputs: u32): u32 {
  return HEADER + (((inputs + 31) >> 5) << 6);
}

/** Prepares a row of codes, i8 if `signed` and u8 otherwise. */
export function toHalves(signed: bool, bits: u32, row: usize, inputs: u32, to: usize): void {
  const half = 16 / bits;
  const flip = signed ? 128 : 0; // an i8 is its byte with the highest bit turned over, less 128
  const end = to + halvesBytes(inputs);
  let sum: i32 = 0;
  let k: u32 = 0;
  for (let at = to + HEADER; at < end; k += half) {
    for (const next = k + half; k < next; k++, at += 4) {
      const upper = k < inputs ? (<i32>load<u8>(row + k) ^ flip) - flip : 0;
      const lower = k + half < inputs ? (<i32>load<u8>(row + k + half) ^ flip) - flip : 0;
      sum += upper + lower;
      store<i16>(at, lower);
      store<i16>(at, upper, 2);
    }
  }
  store<i32>(to, sum);
}

/** sums[r, c] = Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k], a field of one bit counting −2; two channels share the codes. */
export function halves(
  bits: u32,
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
    const start = bias * load<i32>(codes);
    let a = weights;
    for (let c: u32 = 0; c < channels; c += 2, a += 2 * weightStep) {
      const next: u32 = c + 1 < channels ? 1 : 0; // a last channel without a second is its own
      const b = a + next * weightStep;
      const at = sums + (c << 2);
      if (bits == 8) dots8(start, a, b, codes + HEADER, inputs, at, next << 2);
      else if (bits == 4) dots4(start, a, b, codes + HEADER, inputs, at, next << 2);
      else dots(bits, start, a, b, codes + HEADER, inputs, at, next << 2);
    }
  }
}

/**
 * The sums of two channels, at `at` and `next` bytes behind, from `start` on. Compilers must not know the mask, or they take fields out one by one; there are never so many inputs. Words
 * of all three streams are loaded before any is used, so that no check of an address stands between products; and conditions that C drops, since the loop has them, keep an optimizer of
 * WebAssembly from computing one sum of a whole turn before the other, for which registers do not suffice.
 */
function dots8(start: i32, a: usize, b: usize, x: usize, inputs: i32, at: usize, next: u32): void {
  const mask: u32 = 0x00ff00ff + (<u32>inputs >> 29);
  let sumA = start;
  let sumB = start;
  for (let left = inputs; left > 0; left -= 16, x += 32, a += 16, b += 16) {
    let u = load<u32>(a);
    let v = load<u32>(b);
    let p = load<u32>(x);
    if (left <= 0) break;
    sumA = pair(sumA, u & mask, p);
    sumB = pair(sumB, v & mask, p);
    p = load<u32>(x, 4);
    sumA = pair(sumA, rotr(u, 8) & mask, p);
    sumB = pair(sumB, rotr(v, 8) & mask, p);
    u = load<u32>(a, 4);
    v = load<u32>(b, 4);
    p = load<u32>(x, 8);
    if (left <= 0) break;
    sumA = pair(sumA, u & mask, p);
    sumB = pair(sumB, v & mask, p);
    p = load<u32>(x, 12);
    sumA = pair(sumA, rotr(u, 8) & mask, p);
    sumB = pair(sumB, rotr(v, 8) & mask, p);
    u = load<u32>(a, 8);
    v = load<u32>(b, 8);
    p = load<u32>(x, 16);
    if (left <= 0) break;
    sumA = pair(sumA, u & mask, p);
    sumB = pair(sumB, v & mask, p);
    p = load<u32>(x, 20);
    sumA = pair(sumA, rotr(u, 8) & mask, p);
    sumB = pair(sumB, rotr(v, 8) & mask, p);
    u = load<u32>(a, 12);
    v = load<u32>(b, 12);
    p = load<u32>(x, 24);
    if (left <= 0) break;
    sumA = pair(sumA, u & mask, p);
    sumB = pair(sumB, v & mask, p);
    p = load<u32>(x, 28);
    sumA = pair(sumA, rotr(u, 8) & mask, p);
    sumB = pair(sumB, rotr(v, 8) & mask, p);
  }
  store<i32>(at + next, sumB);
  store<i32>(at, sumA);
}

/** As dots8, of 8 inputs a turn. */
function dots4(start: i32, a: usize, b: usize, x: usize, inputs: i32, at: usize, next: u32): void {
  const mask: u32 = 0x000f000f + (<u32>inputs >> 29);
  let sumA = start;
  let sumB = start;
  for (let left = inputs; left > 0; left -= 8, x += 16, a += 4, b += 4) {
    const u = load<u32>(a);
    const v = load<u32>(b);
    let p = load<u32>(x);
    if (left <= 0) break;
    sumA = pair(sumA, u & mask, p);
    sumB = pair(sumB, v & mask, p);
    p = load<u32>(x, 4);
    sumA = pair(sumA, rotr(u, 4) & mask, p);
    sumB = pair(sumB, rotr(v, 4) & mask, p);
    p = load<u32>(x, 8);
    if (left <= 0) break;
    sumA = pair(sumA, rotr(u, 8) & mask, p);
    sumB = pair(sumB, rotr(v, 8) & mask, p);
    p = load<u32>(x, 12);
    sumA = pair(sumA, rotr(u, 12) & mask, p);
    sumB = pair(sumB, rotr(v, 12) & mask, p);
  }
  store<i32>(at + next, sumB);
  store<i32>(at, sumA);
}

/** The same for fields of 2 bits or 1, of which a word has several turns of 8. */
function dots(bits: u32, start: i32, a: usize, b: usize, x: usize, inputs: i32, at: usize, next: u32): void {
  const mask: u32 = ((1 << bits) - 1) * 0x10001;
  const codes = 64 / bits; // bytes that meet a word
  let sumA: i32 = 0;
  let sumB: i32 = 0;
  for (let left = inputs << 1; left > 0; left -= codes, a += 4, b += 4) {
    let u = load<u32>(a);
    let v = load<u32>(b);
    for (const end = x + codes; x < end; x += 16) {
      let p = load<u32>(x);
      if (x >= end) break;
      sumA = pair(sumA, u & mask, p);
      sumB = pair(sumB, v & mask, p);
      u >>= bits;
      v >>= bits;
      p = load<u32>(x, 4);
      if (x >= end) break;
      sumA = pair(sumA, u & mask, p);
      sumB = pair(sumB, v & mask, p);
      u >>= bits;
      v >>= bits;
      p = load<u32>(x, 8);
      if (x >= end) break;
      sumA = pair(sumA, u & mask, p);
      sumB = pair(sumB, v & mask, p);
      u >>= bits;
      v >>= bits;
      p = load<u32>(x, 12);
      if (x >= end) break;
      sumA = pair(sumA, u & mask, p);
      sumB = pair(sumB, v & mask, p);
      u >>= bits;
      v >>= bits;
    }
  }
  const scale = bits == 1 ? -2 : 1;
  store<i32>(at + next, start + scale * sumB);
  store<i32>(at, start + scale * sumA);
}

/** Adds the products of two fields and two codes, an upper half and a lower one each. */
function pair(sum: i32, fields: u32, codes: u32): i32 {
  sum += (<i32>(fields << 16) >> 16) * (<i32>codes >> 16);
  return sum + (<i32>fields >> 16) * (<i32>(codes << 16) >> 16);
}
