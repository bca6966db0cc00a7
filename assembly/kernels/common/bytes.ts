/**
 * A prepared row: its codes in the order in which fields of `bits` bits (1, 2, 4 or 8) come out of the bytes of a vector of weights. A byte holds
 * L = 8 / bits fields, a vector 16 · L; field q of byte k meets code k · L + q. So a block of 16 · L codes becomes L vectors:
 * vector q has code k · L + q in byte k. Codes past `inputs` are 0.
 *
 *     i32 sum, u32 mask, i32 high, i32 wide │ block 0: vector 0 … L − 1 │ block 1 … │ two blocks to work in
 *
 * `sum` is Σ code and `mask` the lowest field of every byte: kernels load it from here, since V8 rebuilds a constant vector at every
 * use inside a loop. `high` and `wide` are for wide.ts.
 */
export const HEADER: usize = 16;

/** Fields of the header. */
export enum Row {
  sum = 0,
  mask = 4,
  high = 8,
  wide = 12,
}

/** Bytes of the blocks of a row: a multiple of 16. */
export function blockBytes(bits: u32, inputs: u32): u32 {
  const block: u32 = 128 / bits;
  return ((inputs + block - 1) / block) * block;
}

/** Bytes of a prepared row. */
export function bytesBytes(bits: u32, inputs: u32): u32 {
  return <u32>HEADER + blockBytes(bits, inputs) + 256 / bits;
}

/**
 * Prepares a row of codes, i8 if `signed` and u8 otherwise, each exclusive-or `flip`. The sum is that of the codes after that, as i8 if
 * `signed` or flip is not 0.
 */
export function toBytes(signed: bool, bits: u32, row: usize, inputs: u32, to: usize, flip: i32): void {
  const block: u32 = 128 / bits;
  const end = to + HEADER + blockBytes(bits, inputs);
  const flips = i8x16.splat(<i8>flip);
  let sums = i32x4.splat(0);
  let left: i32 = inputs;
  for (let at = to + HEADER; at < end; at += block, row += block, left -= block) {
    let from = row;
    if (left < <i32>block) {
      from = end;
      for (let i: u32 = 0; i < block; i += 16) v128.store(end + i, i8x16.splat(0));
      for (let i: i32 = 0; i < left; i++) store<u8>(end + i, load<u8>(row + i) ^ flip);
    } else if (flip) {
      from = end;
      for (let i: u32 = 0; i < block; i += 16) v128.store(end + i, v128.xor(v128.load(row + i), flips));
    }
    for (let i: u32 = 0; i < block; i += 16) {
      const codes = v128.load(from + i);
      const pairs = signed || flip ? i16x8.extadd_pairwise_i8x16_s(codes) : i16x8.extadd_pairwise_i8x16_u(codes);
      sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(pairs));
    }
    if (bits == 8) {
      v128.store(at, v128.load(from));
    } else if (bits == 4) {
      deinterleave(from, at, block);
    } else if (bits == 2) {
      deinterleave(from, end + block, block);
      deinterleave(end + block, at, block);
    } else {
      deinterleave(from, at, block);
      deinterleave(at, end + block, block);
      deinterleave(end + block, at, block);
    }
  }
  store<i32>(to, sumLanes(sums), Row.sum);
  store<u32>(to, 0x01010101 * ((1 << bits) - 1), Row.mask);
}

/** Bytes of even place, then those of odd place. */
function deinterleave(from: usize, to: usize, bytes: u32): void {
  const half = bytes >> 1;
  for (const end = to + half; to < end; from += 32, to += 16) {
    const a = v128.load(from);
    const b = v128.load(from, 16);
    v128.store(to, i8x16.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
    v128.store(to + half, i8x16.shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
  }
}

/** Zero, from a vector at hand: a constant takes 18 bytes wherever it stands. */
export function zeroOf(x: v128): v128 {
  return v128.andnot(x, x);
}

/** Sum of the four lanes of an i32x4. */
export function sumLanes(x: v128): i32 {
  return i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3);
}

/** Sums of the lanes of two i32x4, in the lanes 0 and 1. */
export function sumLanes2(a: v128, b: v128): v128 {
  const pairs = i32x4.add(i32x4.shuffle(a, b, 0, 4, 2, 6), i32x4.shuffle(a, b, 1, 5, 3, 7));
  return i32x4.add(pairs, i32x4.shuffle(pairs, pairs, 2, 3, 0, 1));
}

/** Sums of the lanes of four i32x4. */
export function sumLanes4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(i32x4.shuffle(a, b, 0, 4, 2, 6), i32x4.shuffle(a, b, 1, 5, 3, 7));
  const cd = i32x4.add(i32x4.shuffle(c, d, 0, 4, 2, 6), i32x4.shuffle(c, d, 1, 5, 3, 7));
  return i32x4.add(i32x4.shuffle(ab, cd, 0, 1, 4, 5), i32x4.shuffle(ab, cd, 2, 3, 6, 7));
}

/** Stores the lanes of as many channels as there are, of up to four. */
export function storeSums(at: usize, sums: v128, channels: u32): void {
  if (channels > 3) {
    v128.store(at, sums);
  } else if (channels > 1) {
    v128.store64_lane(at, sums, 0);
    if (channels > 2) v128.store32_lane(at, sums, 2, 8);
  } else {
    v128.store32_lane(at, sums, 0);
  }
}

/**
 * A kernel that takes several channels at a time splits its channels into as many parts and takes one of each, so that each streams its weights from
 * pages of its own: several streams within a page keep the processor from fetching ahead (0.75 of the speed where weights come from
 * the third cache). Where a part has no such channel, the first one's weights are read, and no sum is stored.
 */
export function partOf(channels: u32, parts: u32): u32 {
  return (channels + parts - 1) / parts;
}

/** Stores lane i of some sums as that of channel i · part from the one at `at` on, where there are so many more `channels`. */
export function storeParts(at: usize, sums: v128, part: u32, channels: u32, parts: u32): void {
  v128.store32_lane(at, sums, 0);
  if (part < channels) v128.store32_lane(at + (part << 2), sums, 1);
  if (parts == 2) return;
  if (part * 2 < channels) v128.store32_lane(at + (part << 3), sums, 2);
  if (part * 3 < channels) v128.store32_lane(at + 12 * part, sums, 3);
}
