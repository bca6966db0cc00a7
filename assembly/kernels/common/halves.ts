import { first } from "./planes";

/**
 * Fields of 8 or 4 bits × codes as i16, for cores that multiply halves of registers where they are. A word of L fields, turned by j fields and masked, is field j and, in the upper
 * half, field j + L / 2. The codes that they meet stand the other way round: an upper half always meets a lower one, since compilers of C do not find the product of two upper ones.
 *
 *     i32 sum, 12 bytes unused │ 8 bits: i16 code 2, 0, 3, 1 │ 6, 4, 7, 5 │ …   4 bits: i16 code 4, 0, 5, 1, 6, 2, 7, 3 │ …
 *
 * `sum` is Σ code. Codes behind the last, up to a multiple of 16, are 0.
 */
const HEADER: u32 = 16;

/** Bytes of a prepared row. */
export function halvesBytes(inputs: u32): u32 {
  return HEADER + (((inputs + 15) >> 4) << 5);
}

/** Prepares a row of codes, i8 if `signed` and u8 otherwise. */
export function toHalves(signed: bool, bits: u32, row: usize, inputs: u32, to: usize): void {
  const flip: u32 = signed ? 0 : 0x80808080; // a u8 is its byte with the highest bit turned over, as an i8, plus 128
  const more: i32 = signed ? 0 : 128;
  const end = to + halvesBytes(inputs);
  let sum: i32 = 0;
  let left: i32 = inputs;
  for (let at = to + HEADER; at < end; at += 16, row += 8, left -= 8) {
    const codes = first(load<u64>(row), max(left, 0));
    const word = <u32>codes ^ flip;
    const next = <u32>(codes >> 32) ^ flip;
    const low = bits == 8 ? (word >> 16) | (next & 0xffff0000) : next;
    const high = bits == 8 ? (word & 0xffff) | (next << 16) : word;
    let lower = (<i32>(low << 24) >> 24) + more;
    let upper = (<i32>(high << 24) >> 24) + more;
    sum += lower + upper;
    store<i16>(at, lower);
    store<i16>(at, upper, 2);
    lower = (<i32>(low << 16) >> 24) + more;
    upper = (<i32>(high << 16) >> 24) + more;
    sum += lower + upper;
    store<i16>(at, lower, 4);
    store<i16>(at, upper, 6);
    lower = (<i32>(low << 8) >> 24) + more;
    upper = (<i32>(high << 8) >> 24) + more;
    sum += lower + upper;
    store<i16>(at, lower, 8);
    store<i16>(at, upper, 10);
    lower = (<i32>low >> 24) + more;
    upper = (<i32>high >> 24) + more;
    sum += lower + upper;
    store<i16>(at, lower, 12);
    store<i16>(at, upper, 14);
  }
  store<i32>(to, sum);
}

/** sums[r, c] = Σ_k field[c, k] · code[r, k] + bias · Σ_k code[r, k]; two channels share the codes. */
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
      else dots4(start, a, b, codes + HEADER, inputs, at, next << 2);
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

/** Adds the products of two fields and two codes, an upper half and a lower one each. */
function pair(sum: i32, fields: u32, codes: u32): i32 {
  sum += (<i32>(fields << 16) >> 16) * (<i32>codes >> 16);
  return sum + (<i32>fields >> 16) * (<i32>(codes << 16) >> 16);
}
