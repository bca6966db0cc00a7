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
  let sum: i32 = 0;
  let used: i32 = 0; // bits that differ from the sign in any code
  for (let at = row; at < end; at++) {
    const code: i32 = signed ? load<i8>(at) : load<u8>(at);
    sum += code;
    used |= code ^ (code >> 31);
  }
  const planes: u64 = used > 15 ? 8 : 4;
  store<u32>(to, (<u32>planes + 1) << 3, Row.blockBytes);
  store<i32>(to, sum, Row.sum);
  to += HEADER;
  for (; row < end; row += 64, to += (<usize>planes) << 3) {
    let codes = row;
    for (const next = to + 8; to < next; to++, codes += 8 / bits) {
      const eight = four(codes, end) | (four(codes + (bits == 1 ? 4 : 32), end) << 32);
      store<u8>(to, signed ? eighth(bits, eight >> 7) : 0);
      let at = to;
      for (let plane = planes; plane--; ) {
        at += 8;
        store<u8>(at, eighth(bits, eight >> plane));
      }
    }
  }
}

/** Four codes at `at`, those from `end` as 0. Rows are aligned to 16 bytes. */
function four(at: usize, end: usize): u64 {
  return at < end ? load<u32>(at) & (~(<u32>0) >> (32 - (min<u32>(<u32>(end - at), 4) << 3))) : 0;
}

/**
 * Bit 0 of eight bytes as a byte of a plane. The product moves byte i's to bit 56 + i; of weights of two bits byte i's to bit 56 + 2·i if i < 4, else to
 * bit 57 + 2·(i − 4). The factor's exponents differ modulo 8, so no two bits meet and nothing is carried.
 */
function eighth(bits: u32, bytes: u64): u64 {
  return ((bytes & FIRST) * (bits == 1 ? 0x0102040810204080 : 0x0104104002082080)) >> 56;
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
  let block = row + HEADER;
  for (const end = block + ((inputs + 63) >> 6) * blockBytes; block < end; block += blockBytes, weights += bits << 3) {
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
    do {
      let part: i64 = -popcnt((load<u64>(block) ^ negative) & counted);
      let at = block + 8;
      for (const stop = block + blockBytes; at < stop; at += 32) {
        part = (part << 1) + popcnt((load<u64>(at) ^ negative) & counted);
        part = (part << 1) + popcnt((load<u64>(at, 8) ^ negative) & counted);
        part = (part << 1) + popcnt((load<u64>(at, 16) ^ negative) & counted);
        part = (part << 1) + popcnt((load<u64>(at, 24) ^ negative) & counted);
      }
      sum += part + popcnt(negative & counted);
      negative = 0;
      counted = again;
      again = 0;
    } while (counted);
  }
  return <i32>sum;
}
