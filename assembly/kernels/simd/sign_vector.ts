import { mismatches as scalar } from "../scalar/sign_bit";
import { storeSums, sumLanes4 } from "./bytes";

/** Contract: ../scalar/sign_bit.ts, for weights in sign128. 128 lanes at a time, four channels share the input's bits; the rest, less than 128, word by word. */
export function signVector(
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
  const rest = inputs & 127;
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    let a = weights;
    for (let first: u32 = 0; first < channels; first += 4) {
      const left = channels - first;
      const b = left > 1 ? a + weightStep : a;
      const c = left > 2 ? b + weightStep : b;
      const d = left > 3 ? c + weightStep : c;
      const counts = inline.always(mismatches(a, b, c, d, codes, vectors));
      const at = sums + (first << 2);
      storeSums(at, i32x4.sub(i32x4.splat(inputs), i32x4.shl(counts, 1)), left);
      if (rest) subtractRest(a, weightStep, min<u32>(left, 4), codes, vectors << 4, rest, at);
      a = d + weightStep;
    }
  }
}

/** sums[c] −= 2 · mismatches of the last `rest` bits of channel c, which begin at byte `offset`. */
function subtractRest(
  weights: usize,
  weightStep: u32,
  channels: u32,
  bits: usize,
  offset: u32,
  rest: u32,
  sums: usize,
): void {
  for (; channels; channels--, weights += weightStep, sums += 4) {
    store<i32>(sums, load<i32>(sums) - 2 * scalar(weights + offset, bits + offset, rest));
  }
}

/** Vectors whose counts of ones, 8 each, fit a byte: 31 · 8 = 248. */
const WINDOW: u32 = 31;

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
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(counts));
}
