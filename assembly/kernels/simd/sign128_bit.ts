import { partOf, storeParts, sumLanes4 } from "../common/bytes";
import { mismatches as ofWords } from "../common/mismatches";

/**
 * Binary weights (sign128) × bits. Contract: ../README.md. 128 lanes at a time, four channels share the input's bits; the rest, less than 128, word by word.
 * All rows meet four channels before the next, whose weights so come from the first cache for all rows but one.
 */
export function sign128Bit(
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
  const vectors = inputs >> 7;
  const part = partOf(channels, 4);
  const partBytes = part * weightStep;
  for (let first: u32 = 0; first < part; first++, weights += weightStep, sums += 4) {
    const left = channels - first;
    const b = part < left ? weights + partBytes : weights;
    const c = part * 2 < left ? b + partBytes : weights;
    const d = part * 3 < left ? c + partBytes : weights;
    let input = codes;
    let to = sums;
    for (let row: u32 = 0; row < rows; row++, input += codeStep, to += sumStep) {
      let counts = inline.always(mismatches(weights, b, c, d, input, vectors));
      if (inputs & 127) {
        const at = vectors << 4;
        const rest = inputs & 127;
        counts = i32x4.add(
          counts,
          i32x4(
            ofWords(weights + at, input + at, rest),
            ofWords(b + at, input + at, rest),
            ofWords(c + at, input + at, rest),
            ofWords(d + at, input + at, rest),
          ),
        );
      }
      storeParts(to, i32x4.sub(i32x4.splat(inputs), i32x4.shl(counts, 1)), part, left, 4);
    }
  }
}

/** Vectors whose counts of ones, 8 each, fit a byte: 16 · 8 = 128. 31 would fit, and leave one vector of the 32 of 4096 inputs over. */
const WINDOW: u32 = 16;

/** Bits in which four channels differ from the input. */
function mismatches(a: usize, b: usize, c: usize, d: usize, bits: usize, vectors: u32): v128 {
  let sums = i32x4.splat(0);
  while (vectors) {
    let countA = i8x16.splat(0);
    let countB = i8x16.splat(0);
    let countC = i8x16.splat(0);
    let countD = i8x16.splat(0);
    const window = min(vectors, WINDOW);
    vectors -= window;
    for (const end = bits + (window << 4); bits < end; bits += 16, a += 16, b += 16, c += 16, d += 16) {
      const input = v128.load(bits);
      countA = i8x16.add(countA, i8x16.popcnt(v128.xor(v128.load(a), input)));
      countB = i8x16.add(countB, i8x16.popcnt(v128.xor(v128.load(b), input)));
      countC = i8x16.add(countC, i8x16.popcnt(v128.xor(v128.load(c), input)));
      countD = i8x16.add(countD, i8x16.popcnt(v128.xor(v128.load(d), input)));
    }
    sums = i32x4.add(
      sums,
      inline.always(
        sumLanes4(
          inline.always(widen(countA)),
          inline.always(widen(countB)),
          inline.always(widen(countC)),
          inline.always(widen(countD)),
        ),
      ),
    );
  }
  return sums;
}

/** Sums of four bytes each. */
function widen(counts: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_u(counts));
}
