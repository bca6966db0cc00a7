/**
 * Order key of an f32: an int32 that sorts as the floats do, −0 just below +0; one key, above all others, for every NaN, whose bits engines choose.
 * Of a negative number all bits but the sign are flipped, so that greater magnitudes come first.
 */
export function orderKey(x: number): number {
  float[0] = x;
  return Number.isNaN(x) ? NAN_KEY : flip(bits[0]!);
}

/** The f32 that has this order key. */
export function fromOrderKey(key: number): number {
  bits[0] = flip(key);
  return float[0]!;
}

/** Its own inverse: the sign bit stays. */
function flip(word: number): number {
  return word ^ ((word >> 31) & 0x7fffffff);
}

const NAN_KEY = 0x7fffffff;

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);
