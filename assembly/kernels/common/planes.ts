/**
 * A prepared row: its codes as bit planes. A header, then for every 64 codes a word (u64) of each of their bits, the highest first: 4 bits if all codes
 * of the row fit, else 8. The highest counts negative if any code is. Codes behind the last are 0.
 *
 * Code k is bit k of a plane where weights have one bit. Where they have two, a block's first 32 codes are the even bits and the others the odd ones, as
 * two words of fields come together: `high` and `low` in `product`.
 */
const HEADER: u32 = 16;
enum Row {
  blockBytes = 0, // 32 or 64
  sum = 4, // of all codes
  all = 8, // a code whose bits are all 1: −1 where the highest counts negative
}

/** Every second bit, and every eighth, from bit 0. */
const EVEN: u64 = ~(<u64>0) / 3;
const FIRST: u64 = ~(<u64>0) / 255;

/** Bytes of a prepared row at most, a multiple of 16. */
export function planesBytes(inputs: u32): u32 {
  return HEADER + ((inputs + 63) >> 6) * 64;
}

/** Prepares a row of codes, i8 if `signed` and u8 otherwise, for weights of `bits` bits (1 or 2). */
export function toPlanes(signed: bool, bits: u32, row: usize, inputs: u32, to: usize): void {
  const end = row + inputs;
  const signBit: u64 = signed ? FIRST : 0;
  let sum: i64 = 0;
  let used: u64 = 0; // bits that differ from the sign in any code
  let negatives: u64 = 0;
  for (let at = row; at < end; at += 8) {
    const codes = first(load<u64>(at), end - at);
    const negative = (codes >> 7) & signBit;
    negatives |= negative;
    used |= codes ^ (negative * 255);
    sum += bytesSum(codes) - (bytesSum(negative) << 8);
  }
  const wide = used & (FIRST * (negatives ? 0xf8 : 0xf0));
  const blockBytes: u32 = wide ? 64 : 32;
  store<u32>(to, blockBytes, Row.blockBytes);
  store<i32>(to, <i32>sum, Row.sum);
  store<i32>(to, negatives ? -1 : wide ? 255 : 15, Row.all);
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
      if (!wide) codes <<= 4;
      let at = to;
      for (const last = to + blockBytes; at < last; at += 32, codes <<= 4) {
        store<u8>(at, (((codes >> 7) & FIRST) * gather) >> 56);
        store<u8>(at, (((codes >> 6) & FIRST) * gather) >> 56, 8);
        store<u8>(at, (((codes >> 5) & FIRST) * gather) >> 56, 16);
        store<u8>(at, (((codes >> 4) & FIRST) * gather) >> 56, 24);
      }
    }
  }
}

/** The first `count` bytes, at most 8; the others as 0. Rows are aligned to 16 bytes, so words with any code of a row lie in it. */
export function first(bytes: u64, count: usize): u64 {
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
 *
 * `high` are the trits of 1 and `low` those of 0. Let P be #{k: (plane[k] ^ high[k]) | low[k]}, and Q the same for a plane of zeros: 64 products with a plane
 * add up to Q − P: a bit of 1 takes from the count where the trit is 1, and adds to it where it is −1. So two operations and a population count serve them. A
 * plane weighs half of the one before it; all planes together weigh `all`. Where weights have one bit, `high` are the trits of −1, and the sum changes its sign.
 * Planes are counted in a loop if `rolled`. A field of 3 is a trit of 2: it counts as 0, and twice as 1 in a second pass, which ternary weights do not have.
 */
export function planes(
  rolled: bool,
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
  const hasZeros = bits >> 1;
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const add = bias * load<i32>(codes, Row.sum);
    const blockBytes = load<u32>(codes, Row.blockBytes);
    const all = load<i32>(codes, Row.all);
    const highest = (all >> 31) | 1;
    const wide = blockBytes >> 6;
    const end = codes + HEADER + ((inputs + 63) >> 6) * blockBytes;
    let channel = weights;
    for (let to = sums, last = sums + (channels << 2); to < last; to += 4, channel += weightStep) {
      let sum: i32 = 0;
      let w = channel;
      for (let at = codes + HEADER; at < end; at += blockBytes, w += bits << 3) {
        let high = load<u64>(w);
        let low: u64 = 0;
        let twos: u64 = 0;
        if (hasZeros) {
          const next = load<u64>(w, 8);
          low = (high & EVEN) | ((next & EVEN) << 1);
          high = ((high >> 1) & EVEN) | (next & ~EVEN);
          twos = high & low;
        }
        let pass = 0;
        while (true) {
          let part = highest * inline.always(ones(at, 0, high, low));
          if (rolled) {
            for (let offset: u32 = 8; offset < blockBytes; offset += 8) {
              part = (part << 1) + inline.always(ones(at, offset, high, low));
            }
          } else {
            part = (part << 1) + inline.always(ones(at, 8, high, low));
            part = (part << 1) + inline.always(ones(at, 16, high, low));
            part = (part << 1) + inline.always(ones(at, 24, high, low));
            if (wide) {
              part = (part << 1) + inline.always(ones(at, 32, high, low));
              part = (part << 1) + inline.always(ones(at, 40, high, low));
              part = (part << 1) + inline.always(ones(at, 48, high, low));
              part = (part << 1) + inline.always(ones(at, 56, high, low));
            }
          }
          part = all * <i32>popcnt(high | low) - part;
          sum += part << pass;
          if (!twos) break;
          pass = 1;
          high = -1;
          low = ~twos;
          twos = 0;
        }
      }
      store<i32>(to, add + (hasZeros ? sum : -sum));
    }
  }
}

/** Of 64 lanes, where `high` or the plane at `at` + `offset` is 1, but not both, or `low` is. */
function ones(at: usize, offset: usize, high: u64, low: u64): i32 {
  return <i32>popcnt((load<u64>(at + offset) ^ high) | low);
}
