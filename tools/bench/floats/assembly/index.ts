/**
 * The float ends of a product: a row of x becomes codes (x ≈ scale · (code − zero)), and sums become y. They are timed along with the product, so
 * they are vectors of four floats, as a host would have them. Rows of x lie `inputs` floats apart. Unaligned addresses will do, but for
 * those of signs.
 */

/** x + ROUND has round(x), half to even, in its low bits, for |x| < 2^22: an f32 of that size has no bits behind the point. */
const ROUND: f32 = 12582912; // 1.5 · 2^23
const ROUND_BITS: i32 = 0x4b400000;

const MAGNITUDE: i32 = 0x7fffffff;

/** Where a constant vector stands that a loop needs: V8 rebuilds others at every use. */
const CONSTANT: usize = 0;

/** Codes zero − steps … zero + steps, a byte each; the largest |x| of a row gets the last. Rows of codes lie `codeStep` bytes apart; a scale is an f32. */
export function codes(
  x: usize,
  rows: u32,
  inputs: u32,
  steps: f32,
  zero: i32,
  to: usize,
  codeStep: u32,
  scales: usize,
): void {
  for (; rows; rows--, x += inputs << 2, to += codeStep, scales += 4) {
    const most = largest(x, inputs);
    quantize(x, inputs, most ? steps / most : 0, zero, to);
    store<f32>(scales, most / steps);
  }
}

/** Largest |x|: floats of one sign are ordered as their bits are. */
function largest(x: usize, inputs: u32): f32 {
  store<i32>(CONSTANT, MAGNITUDE);
  const magnitude = v128.load32_splat(CONSTANT);
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let left = inputs;
  for (; left >= 8; left -= 8, x += 32) {
    a = i32x4.max_s(a, v128.and(v128.load(x), magnitude));
    b = i32x4.max_s(b, v128.and(v128.load(x, 16), magnitude));
  }
  a = i32x4.max_s(a, b);
  let most = max(
    max(i32x4.extract_lane(a, 0), i32x4.extract_lane(a, 1)),
    max(i32x4.extract_lane(a, 2), i32x4.extract_lane(a, 3)),
  );
  for (; left; left--, x += 4) most = max(most, load<i32>(x) & MAGNITUDE);
  return reinterpret<f32>(most);
}

/** round(x · perUnit) + zero. */
function quantize(x: usize, inputs: u32, perUnit: f32, zero: i32, to: usize): void {
  store<f32>(CONSTANT, ROUND);
  const round = v128.load32_splat(CONSTANT);
  const units = f32x4.splat(perUnit);
  const base = i32x4.splat(ROUND_BITS - zero);
  let left = inputs;
  for (; left >= 16; left -= 16, x += 64, to += 16) {
    const a = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), units), round), base);
    const b = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 16), units), round), base);
    const c = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 32), units), round), base);
    const d = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 48), units), round), base);
    v128.store(to, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
  }
  for (; left; left--, x += 4, to++) {
    store<u8>(to, reinterpret<i32>(load<f32>(x) * perUnit + ROUND) - ROUND_BITS + zero);
  }
}

/** Signs, bit 1 for x < 0; the mean of |x| is the scale with the least square error. Rows of signs, of whole words, lie `signStep` bytes apart. */
export function signs(x: usize, rows: u32, inputs: u32, to: usize, signStep: u32, scales: usize): void {
  for (; rows; rows--, to += signStep, scales += 4) {
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    let left = inputs;
    let at = to;
    for (; left >= 16; left -= 16, x += 64, at += 2) {
      const x0 = v128.load(x);
      const x1 = v128.load(x, 16);
      const x2 = v128.load(x, 32);
      const x3 = v128.load(x, 48);
      a = f32x4.add(a, f32x4.add(f32x4.abs(x0), f32x4.abs(x1)));
      b = f32x4.add(b, f32x4.add(f32x4.abs(x2), f32x4.abs(x3)));
      const none = f32x4.splat(0);
      const low = i16x8.narrow_i32x4_s(f32x4.lt(x0, none), f32x4.lt(x1, none));
      const high = i16x8.narrow_i32x4_s(f32x4.lt(x2, none), f32x4.lt(x3, none));
      store<u16>(at, i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)));
    }
    a = f32x4.add(a, b);
    let sum =
      f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3));
    let last: u32 = 0;
    for (let lane: u32 = 0; left; left--, lane++, x += 4) {
      const value = load<f32>(x);
      last |= u32(value < 0) << lane;
      sum += abs(value);
    }
    if (inputs & 15) store<u16>(at, last);
    store<f32>(scales, sum / <f32>inputs);
  }
}

/** y[r, m] = (sums[r, m] − offsets[m]) · scales[r] · unit. Rows of sums lie `sumStep` bytes apart, those of y have `outputs` floats. */
export function scale(
  sums: usize,
  sumStep: u32,
  offsets: usize,
  rows: u32,
  outputs: u32,
  scales: usize,
  unit: f32,
  y: usize,
): void {
  for (; rows; rows--, sums += sumStep, scales += 4) {
    const factor = load<f32>(scales) * unit;
    const factors = f32x4.splat(factor);
    let from = sums;
    let offset = offsets;
    let left = outputs;
    for (; left >= 4; left -= 4, from += 16, offset += 16, y += 16) {
      const whole = i32x4.sub(v128.load(from), v128.load(offset));
      v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(whole), factors));
    }
    for (; left; left--, from += 4, offset += 4, y += 4) {
      store<f32>(y, <f32>(load<i32>(from) - load<i32>(offset)) * factor);
    }
  }
}
