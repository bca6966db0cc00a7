import { sumLanes } from "./lanes";

/**
 * Σ_k field[k] · code[k] of two's complement fields of `bits` bits (1, 2 or 4) with codes in the order of lanes.ts. Two shifts bring a field
 * down with its sign; their distances are constants where this is inlined with a constant `bits`. The last vector of weights may
 * reach up to 12 bytes past the row: the codes there are 0.
 */
export function fields(bits: u32, weights: usize, lanes: usize, end: usize): i32 {
  let even = i32x4.splat(0);
  let odd = i32x4.splat(0);
  for (; lanes < end; weights += 16, lanes += 256 / bits) {
    const words = v128.load(weights);
    even = i32x4.add(even, inline.always(product(bits, words, 0, lanes)));
    odd = i32x4.add(odd, inline.always(product(bits, words, 1, lanes)));
    even = i32x4.add(even, inline.always(product(bits, words, 2, lanes)));
    odd = i32x4.add(odd, inline.always(product(bits, words, 3, lanes)));
    if (bits < 4) {
      even = i32x4.add(even, inline.always(product(bits, words, 4, lanes)));
      odd = i32x4.add(odd, inline.always(product(bits, words, 5, lanes)));
      even = i32x4.add(even, inline.always(product(bits, words, 6, lanes)));
      odd = i32x4.add(odd, inline.always(product(bits, words, 7, lanes)));
    }
    if (bits < 2) {
      even = i32x4.add(even, inline.always(product(bits, words, 8, lanes)));
      odd = i32x4.add(odd, inline.always(product(bits, words, 9, lanes)));
      even = i32x4.add(even, inline.always(product(bits, words, 10, lanes)));
      odd = i32x4.add(odd, inline.always(product(bits, words, 11, lanes)));
      even = i32x4.add(even, inline.always(product(bits, words, 12, lanes)));
      odd = i32x4.add(odd, inline.always(product(bits, words, 13, lanes)));
      even = i32x4.add(even, inline.always(product(bits, words, 14, lanes)));
      odd = i32x4.add(odd, inline.always(product(bits, words, 15, lanes)));
    }
  }
  return sumLanes(i32x4.add(even, odd));
}

/** Field `q` of each i16 lane, times the codes that meet it, in pairs. */
function product(bits: u32, words: v128, q: u32, lanes: usize): v128 {
  const field = i16x8.shr_s(i16x8.shl(words, 16 - bits * (q + 1)), 16 - bits);
  return i32x4.dot_i16x8_s(field, v128.load(lanes + (q << 4)));
}
