import { CONV2D } from "../../features";
import { OPS, SMALL } from "../../profiles";

/**
 * Ternary weights (trit4) × codes, for cores without vectors: a byte of weights is the offset of the sum of its four products in a table,
 * so four products are two loads and an addition. A strip is 16 inputs; its four tables are built once and serve all channels.
 *
 *     table i: 27 × u16[4]   entry d0, d1 + 3 d2 + 9 d3: BIAS + Σ (d − 1) · code[4 i …], where d is weight + 1, and d0 = 3 counts as 2
 *
 * Tables lie at the start of memory, which the host leaves to the module (ABI.md): the greatest address that a byte of weights can make is a constant
 * then, and a compiler of the module proves accesses to be inside any memory of RESERVED_BYTES or more instead of checking them.
 */
const TABLE_BYTES: u32 = 216;
const TABLES: u32 = 4;
/** Bytes of a table for two rows of codes, whose entries are twice as wide. */
const PAIR_TABLE_BYTES: u32 = 2 * TABLE_BYTES;
/** The tables, and what a byte that no writer makes reaches behind the last, from the greatest `base` of the functions that add on. */
export const TRIT4_BYTES: u32 =
  OPS & CONV2D
    ? (7 + (TABLES - 1) * PAIR_TABLE_BYTES + 510 + 4 + 15) & ~15
    : (7 + (TABLES - 1) * TABLE_BYTES + 255 + 2 + 15) & ~15;

/** No sum of four products is below −4 · 255: entries are never negative. */
const BIAS: i32 = 1024;

/** Sets the sums of channels up to `end`, four at a time, to what `strips` strips start from. */
export function trit4Start(sums: usize, end: usize, strips: u32): void {
  const start = -4 * BIAS * strips;
  do {
    store<i32>(sums, start);
    if (!SMALL) {
      store<i32>(sums, start, 4);
      store<i32>(sums, start, 8);
      store<i32>(sums, start, 12);
    }
    sums += SMALL ? 4 : 16;
  } while (sums < end);
}

/** Builds the tables of a strip from its 16 codes, i8 if `signed` and u8 otherwise. What stands behind a row does not count: weights behind the last are 0. */
export function trit4Tables(signed: bool, codes: usize): void {
  const flip: u32 = signed ? 0x80808080 : 0; // an i8 is its byte with the highest bit turned over, less 128
  const less: i32 = signed ? 128 : 0;
  for (let table: usize = 0; table < TABLES; table++, codes += 4) {
    const word = load<u32>(codes) ^ flip;
    const a = <i32>(word & 0xff) - less;
    const b = (<i32>((word >> 8) & 0xff) - less) * 0x10001;
    const c = (<i32>((word >> 16) & 0xff) - less) * 0x10001;
    const d = (<i32>(word >> 24) - less) * 0x10001;
    const b2 = 2 * b;
    let entries = (BIAS - a) * 0x10001 - b - c - d;
    for (let i: usize = 0; i < 3; i++, entries += d) {
      let low = entries + (a << 16);
      let high = entries + 2 * a * 0x10001;
      for (let j: usize = 0; j < 3; j++, low += c, high += c) {
        const at = ((3 * table + i) * 3 + j) * 24;
        store<u32>(at, low);
        store<u32>(at, high, 4);
        store<u32>(at, low + b, 8);
        store<u32>(at, high + b, 12);
        store<u32>(at, low + b2, 16);
        store<u32>(at, high + b2, 20);
      }
    }
  }
}

/**
 * sums[c] += Σ_k trit[c, k] · code[k] + 4 · BIAS over a strip, for channels up to `end` (of `sums`), four at a time. `base` is 0, of which compilers must know only
 * that it is at most 7: then they keep the addresses of tables in registers, while a constant would be added anew for every look-up.
 */
export function trit4Sums(weights: usize, sums: usize, end: usize, base: usize): void {
  for (; sums < end; sums += SMALL ? 8 : 16, weights += SMALL ? 8 : 16) {
    store<i32>(sums, load<i32>(sums) + inline.always(products(base, weights)));
    store<i32>(sums, load<i32>(sums, 4) + inline.always(products(base, weights + 4)), 4);
    if (SMALL) continue;
    store<i32>(sums, load<i32>(sums, 8) + inline.always(products(base, weights + 8)), 8);
    store<i32>(sums, load<i32>(sums, 12) + inline.always(products(base, weights + 12)), 12);
  }
}

function products(base: usize, weights: usize): i32 {
  return (
    <i32>load<u16>(base + load<u8>(weights)) +
    load<u16>(base + TABLE_BYTES + load<u8>(weights, 1)) +
    load<u16>(base + 2 * TABLE_BYTES + load<u8>(weights, 2)) +
    load<u16>(base + 3 * TABLE_BYTES + load<u8>(weights, 3))
  );
}

/**
 * Builds the tables of a strip for two rows of 16 codes, `a` in the lower half of each entry and `b` in the upper one: 27 × u32[4], in the order of the tables
 * above. A row at 0 is one of zeros.
 */
export function trit4PairTables(signed: bool, a: usize, b: usize): void {
  for (let table: usize = 0; table < TABLES * PAIR_TABLE_BYTES; table += PAIR_TABLE_BYTES, a += 4) {
    const p = pairOf(signed, a, b);
    const q = pairOf(signed, a + 1, b ? b + 1 : 0);
    const r = pairOf(signed, a + 2, b ? b + 2 : 0);
    const s = pairOf(signed, a + 3, b ? b + 3 : 0);
    if (b) b += 4;
    let entry = BIAS * 0x10001 - p - q - r - s;
    for (let at = table; at < table + PAIR_TABLE_BYTES; entry += s - 3 * r) {
      for (const end = at + PAIR_TABLE_BYTES / 3; at < end; at += 48, entry += r) {
        const middle = entry + q;
        const last = middle + q;
        store<i32>(at, entry);
        store<i32>(at, entry + p, 4);
        store<i32>(at, entry + 2 * p, 8);
        store<i32>(at, entry + 2 * p, 12);
        store<i32>(at, middle, 16);
        store<i32>(at, middle + p, 20);
        store<i32>(at, middle + 2 * p, 24);
        store<i32>(at, middle + 2 * p, 28);
        store<i32>(at, last, 32);
        store<i32>(at, last + p, 36);
        store<i32>(at, last + 2 * p, 40);
        store<i32>(at, last + 2 * p, 44);
      }
    }
  }
}

/** Two codes as one number, the second times 2^16. */
function pairOf(signed: bool, a: usize, b: usize): i32 {
  if (signed) return <i32>load<i8>(a) + (b ? (<i32>load<i8>(b)) << 16 : 0);
  return <i32>load<u8>(a) + (b ? (<i32>load<u8>(b)) << 16 : 0);
}

/** trit4Sums for two rows of codes at once: the sums of the first at `a` up to `end`, those of the second at `b`. */
export function trit4PairSums(weights: usize, a: usize, b: usize, end: usize, base: usize): void {
  for (; a < end; a += 16, b += 16, weights += 16) {
    const first = inline.always(pairProducts(base, weights));
    store<i32>(a, load<i32>(a) + (first & 0xffff));
    store<i32>(b, load<i32>(b) + (first >>> 16));
    const second = inline.always(pairProducts(base, weights + 4));
    store<i32>(a, load<i32>(a, 4) + (second & 0xffff), 4);
    store<i32>(b, load<i32>(b, 4) + (second >>> 16), 4);
    const third = inline.always(pairProducts(base, weights + 8));
    store<i32>(a, load<i32>(a, 8) + (third & 0xffff), 8);
    store<i32>(b, load<i32>(b, 8) + (third >>> 16), 8);
    const fourth = inline.always(pairProducts(base, weights + 12));
    store<i32>(a, load<i32>(a, 12) + (fourth & 0xffff), 12);
    store<i32>(b, load<i32>(b, 12) + (fourth >>> 16), 12);
  }
}

function pairProducts(base: usize, weights: usize): i32 {
  return (
    load<i32>(base + ((<usize>load<u8>(weights)) << 1)) +
    load<i32>(base + PAIR_TABLE_BYTES + ((<usize>load<u8>(weights, 1)) << 1)) +
    load<i32>(base + 2 * PAIR_TABLE_BYTES + ((<usize>load<u8>(weights, 2)) << 1)) +
    load<i32>(base + 3 * PAIR_TABLE_BYTES + ((<usize>load<u8>(weights, 3)) << 1))
  );
}

/** What each strip adds to a sum beside its products. */
export const TRIT4_BIAS: i32 = 4 * BIAS;
