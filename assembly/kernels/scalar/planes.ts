/**
 * A prepared row: its codes as bit planes. A header, then for every 64 codes a word (u64) of their signs, 1 where negative, and one of each of their
 * bits, the highest first: 4 bits if all codes of the row fit, else 8. Codes behind the last are 0.
 *
 * Code k is bit k of a plane where weights have one bit. Where they have two, a block's first 32 codes are the even bits and the others the odd ones, as
 * two words of fields come together: `low` and `high` in `product`.
 */
const HEADER: u32 = 8;
enum Row {
  blockBytes = 0, // 40 or 72
  sum = 4, // of all codes
}

/** Every second bit, and every eighth, from bit 0. */
const EVEN: u64 = ~(<u64>0) / 3;
const FIRST: u64 = ~(<u64>0) / 255;

/** Bytes of a prepared row at most, a multiple of 16. */
export function planesBytes(inputs: u32): u32 {
  return (HEADER + ((inputs + 63) >> 6) * 72 + 15) & ~15;
}

/** Prepares a row of codes, i8 if `signed` and u8 otherwise, for weights of `bits` bits (1 or 2). */
export function toPlanes(signed: bool, bits: u32, row: usize, inputs: u32, to: usize): void {
  const end = row + inputs;
  const signBit: u64 = signed ? FIRST : 0;
  let sum: i64 = 0;
  let used: u64 = 0; // bits that differ from the sign in any code
  for (let at = row; at < end; at += 8) {
    const codes = first(load<u64>(at), end - at);
    const negative = (codes >> 7) & signBit;
    used |= codes ^ (negative * 255);
    sum += bytesSum(codes) - (bytesSum(negative) << 8);
  }
  const wide = used & (FIRST * 0xf0);
  const blockBytes: u32 = wide ? 72 : 40;
  store<u32>(to, blockBytes, Row.blockBytes);
  store<i32>(to, <i32>sum, Row.sum);
  to += HEADER;

  // Byte i moves to bit 56 + i; for weights of two bits byte i < 4 to 56 + 2·i, byte i ≥ 4 to 57 + 2·(i − 4). The exponents of a factor
  // differ modulo 8, so no two bits of a product meet and nothing is carried.
  const gather: u64 = bits == 1 ? 0x0102040810204080 : 0x0104104002082080;
  const far: u32 = bits == 1 ? 4 : 32;
  for (; row < end; row += 64, to += blockBytes - 8) {
    let from = row;
    for (const next = to + 8; to < next; to++, from += 8 / bits) {
      let codes: u64 = 0;
      if (from < end) codes = first(load<u32>(from), end - from);
      if (from + far < end) codes |= first(load<u32>(from + far), end - far - from) << 32;
      store<u8>(to, (((codes >> 7) & signBit) * gather) >> 56);
      if (!wide) codes <<= 4;
      let at = to;
      for (const last = to + blockBytes - 8; at < last; at += 32, codes <<= 4) {
        store<u8>(at, (((codes >> 7) & FIRST) * gather) >> 56, 8);
        store<u8>(at, (((codes >> 6) & FIRST) * gather) >> 56, 16);
        store<u8>(at, (((codes >> 5) & FIRST) * gather) >> 56, 24);
        store<u8>(at, (((codes >> 4) & FIRST) * gather) >> 56, 32);
      }
    }
  }
}

/** The first `count` bytes, at most 8; the others as 0. Rows are aligned to 16 bytes, so words with any code of a row lie in it. */
function first(bytes: u64, count: usize): u64 {
  return count < 8 ? bytes & (((<u64>1) << (count << 3)) - 1) : bytes;
}

/** Sum of eight unsigned bytes. */
function bytesSum(bytes: u64): u64 {
  const pairs: u64 = ~(<u64>0) / 0x101; // 0x00ff in every lane of 16 bits
  return (((bytes & pairs) + ((bytes >> 8) & pairs)) * 0x0001000100010001) >> 48;
}

/**
 * sums[r, c] = Σ_k trit[c, k] · code[r, k] + bias · Σ_k code[r, k] for weights of `bits` bits: a trit is 1 − 2 · bit (1 bit), or field − 1 (2 bits); rows
 * are prepared as above. The last block may reach up to 12 bytes past a channel's weights, where codes are 0.
 */
export function planes(
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
    const add = bias * load<i32>(codes, Row.sum);
    for (let c: u32 = 0; c < channels; c++) {
      store<i32>(sums + (c << 2), add + product(bits, weights + c * weightStep, codes, inputs));
    }
  }
}

/**
 * Σ_k trit[k] · code[k], where −code = ~code + 1: per plane, a xor with `negative` complements the codes whose trit is −1, an and with `counted` leaves out
 * those whose trit is 0, and a population count adds 64 products. A plane weighs half of the one before it, that of the signs is negative.
 * A field of 3 is a trit of 2: what it adds beyond 1 is counted in a second pass, which ternary weights do not have.
 */
function product(bits: u32, weights: usize, row: usize, inputs: u32): i32 {
  const blockBytes = load<u32>(row, Row.blockBytes);
  let sum: i64 = 0;
  let at = row + HEADER;
  for (const end = at + ((inputs + 63) >> 6) * blockBytes; at < end; weights += bits << 3) {
    let negative = load<u64>(weights);
    let counted: u64 = -1;
    let again: u64 = 0;
    if (bits == 2) {
      const next = load<u64>(weights, 8);
      const low = (negative & EVEN) | ((next & EVEN) << 1);
      const high = ((negative >> 1) & EVEN) | (next & ~EVEN);
      negative = ~high;
      counted = high | ~low;
      again = high & low;
    }
    const stop = at + blockBytes;
    while (true) {
      let part: i64 = -popcnt((load<u64>(at) ^ negative) & counted);
      do {
        part = (part << 1) + popcnt((load<u64>(at, 8) ^ negative) & counted);
        part = (part << 1) + popcnt((load<u64>(at, 16) ^ negative) & counted);
        part = (part << 1) + popcnt((load<u64>(at, 24) ^ negative) & counted);
        part = (part << 1) + popcnt((load<u64>(at, 32) ^ negative) & counted);
        at += 32;
      } while (at + 8 < stop);
      at += 8;
      sum += part + popcnt(negative & counted);
      if (!again) break;
      at = stop - blockBytes;
      negative = 0;
      counted = again;
      again = 0;
    }
  }
  return <i32>sum;
}
