/**
 * Fields of 8 bits × the codes of two rows at once, for cores that multiply 32 by 32 bits and add 64 in one instruction: a code of the first row and one
 * of the second, times 2^23, are one number, and the sum of its products holds the sums of both rows.
 *
 *     i32 Σ code of the first row, i32 of the second, 8 bytes unused │ i32 first + 2^23 · second │ …
 *
 * Codes behind the last, up to a multiple of 16, are 0.
 */
const HEADER: u32 = 16;
const SECOND: u32 = 23;

/** Products that are summed together: below 2^22 all of them, 64 · 255 · 255. */
const WINDOW: i32 = 64;

/** Bytes of two prepared rows. */
export function pairsBytes(inputs: u32): u32 {
  return HEADER + (((inputs + 15) & ~15) << 2);
}

/** Prepares two rows of codes, i8 if `signed` and u8 otherwise. */
export function toPairs(signed: bool, a: usize, b: usize, inputs: u32, to: usize): void {
  const flip = signed ? 128 : 0; // an i8 is its byte with the highest bit turned over, less 128
  const end = to + pairsBytes(inputs);
  let first: i32 = 0;
  let second: i32 = 0;
  let at = to + HEADER;
  for (const last = at + (inputs << 2); at < last; at += 4, a++, b++) {
    const x = (<i32>load<u8>(a) ^ flip) - flip;
    const y = (<i32>load<u8>(b) ^ flip) - flip;
    first += x;
    second += y;
    store<i32>(at, x + (y << SECOND));
  }
  for (; at < end; at += 4) store<i32>(at, 0);
  store<i32>(to, first);
  store<i32>(to, second, 4);
}

/** sums[r, c] = Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k] of two rows; two channels share the codes. */
export function pairs(
  bias: i32,
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  let a = weights;
  for (let c: u32 = 0; c < channels; c += 2, a += 2 * weightStep) {
    const next: u32 = c + 1 < channels ? 1 : 0; // a last channel without a second is its own
    products(bias, a, a + next * weightStep, codes, inputs, sums + (c << 2), next << 2, sumStep);
  }
}

/** The sums of two channels, at `at` and `next` bytes behind, and of the second row `step` bytes behind. Words of all streams are loaded before any product: see dots8 of halves.ts. */
function products(bias: i32, a: usize, b: usize, codes: usize, inputs: i32, at: usize, next: u32, step: u32): void {
  let a0 = bias * load<i32>(codes);
  let a1 = bias * load<i32>(codes, 4);
  let b0 = a0;
  let b1 = a1;
  let x = codes + HEADER;
  for (let all = inputs; all > 0; all -= WINDOW) {
    let sumA: i64 = 0;
    let sumB: i64 = 0;
    for (let left = min(all, WINDOW); left > 0; left -= 16, x += 64, a += 16, b += 16) {
      let u: u32 = load<u8>(a);
      let v: u32 = load<u8>(b);
      let p = load<i32>(x);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 1);
      v = load<u8>(b, 1);
      p = load<i32>(x, 4);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 2);
      v = load<u8>(b, 2);
      p = load<i32>(x, 8);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 3);
      v = load<u8>(b, 3);
      p = load<i32>(x, 12);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 4);
      v = load<u8>(b, 4);
      p = load<i32>(x, 16);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 5);
      v = load<u8>(b, 5);
      p = load<i32>(x, 20);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 6);
      v = load<u8>(b, 6);
      p = load<i32>(x, 24);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 7);
      v = load<u8>(b, 7);
      p = load<i32>(x, 28);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      if (left <= 8) break;
      u = load<u8>(a, 8);
      v = load<u8>(b, 8);
      p = load<i32>(x, 32);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 9);
      v = load<u8>(b, 9);
      p = load<i32>(x, 36);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 10);
      v = load<u8>(b, 10);
      p = load<i32>(x, 40);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 11);
      v = load<u8>(b, 11);
      p = load<i32>(x, 44);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 12);
      v = load<u8>(b, 12);
      p = load<i32>(x, 48);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 13);
      v = load<u8>(b, 13);
      p = load<i32>(x, 52);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 14);
      v = load<u8>(b, 14);
      p = load<i32>(x, 56);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
      u = load<u8>(a, 15);
      v = load<u8>(b, 15);
      p = load<i32>(x, 60);
      if (left <= 0) break;
      sumA = product(sumA, u, p);
      sumB = product(sumB, v, p);
    }
    let low = lowOf(sumA);
    a0 += low;
    a1 += <i32>((sumA - low) >> SECOND);
    low = lowOf(sumB);
    b0 += low;
    b1 += <i32>((sumB - low) >> SECOND);
  }
  store<i32>(at + next, b0);
  store<i32>(at, a0);
  store<i32>(at + step + next, b1);
  store<i32>(at + step, a1);
}

/** The sum of the first row in a sum of both. */
function lowOf(sum: i64): i32 {
  return ((<i32>sum) << (32 - SECOND)) >> (32 - SECOND);
}

function product(sum: i64, field: i32, codes: i32): i64 {
  return sum + <i64>codes * <i64>field;
}
