import { HAS_VECTORS } from "../kernels";

// Sums of f32, in the order of every reduction (host/numbers/f32.ts): partial sum j of four takes the terms i ≡ j (mod 4), and the end is (s0 + s1) + (s2 + s3).
// Vectors hold the four partial sums.

/** Σ a[i] · b[i] */
export function dot(a: usize, b: usize, count: u32): f32 {
  const end = a + (count << 2);
  let s0: f32 = 0;
  let s1: f32 = 0;
  let s2: f32 = 0;
  let s3: f32 = 0;
  if (HAS_VECTORS) {
    let s = f32x4.splat(0);
    for (; a + 16 <= end; a += 16, b += 16) s = f32x4.add(s, f32x4.mul(v128.load(a), v128.load(b)));
    s0 = f32x4.extract_lane(s, 0);
    s1 = f32x4.extract_lane(s, 1);
    s2 = f32x4.extract_lane(s, 2);
    s3 = f32x4.extract_lane(s, 3);
  } else {
    for (; a + 16 <= end; a += 16, b += 16) {
      s0 += load<f32>(a) * load<f32>(b);
      s1 += load<f32>(a, 4) * load<f32>(b, 4);
      s2 += load<f32>(a, 8) * load<f32>(b, 8);
      s3 += load<f32>(a, 12) * load<f32>(b, 12);
    }
  }
  if (a < end) s0 += load<f32>(a) * load<f32>(b);
  if (a + 4 < end) s1 += load<f32>(a, 4) * load<f32>(b, 4);
  if (a + 8 < end) s2 += load<f32>(a, 8) * load<f32>(b, 8);
  return s0 + s1 + (s2 + s3);
}

/** Σ a[i] for `count` numbers `step` bytes apart. */
export function sum(a: usize, step: u32, count: u32): f32 {
  let s0: f32 = 0;
  let s1: f32 = 0;
  let s2: f32 = 0;
  let s3: f32 = 0;
  for (; count >= 4; count -= 4) {
    s0 += load<f32>(a);
    s1 += load<f32>(a + step);
    s2 += load<f32>(a + (step << 1));
    s3 += load<f32>(a + 3 * step);
    a += step << 2;
  }
  if (count > 0) s0 += load<f32>(a);
  if (count > 1) s1 += load<f32>(a + step);
  if (count > 2) s2 += load<f32>(a + (step << 1));
  return s0 + s1 + (s2 + s3);
}

/** to[c] = Σ_i weights[i] · rows[i, c] for `width` numbers, of rows that are `step` bytes apart. */
export function weighted(weights: usize, rows: usize, step: u32, count: u32, to: usize, width: u32): void {
  const end = to + (width << 2);
  if (HAS_VECTORS) {
    for (; to + 16 <= end; to += 16, rows += 16) {
      let s0 = f32x4.splat(0);
      let s1 = f32x4.splat(0);
      let s2 = f32x4.splat(0);
      let s3 = f32x4.splat(0);
      let row = rows;
      let left = count;
      let w = weights;
      for (; left >= 4; left -= 4, w += 16, row += step << 2) {
        s0 = f32x4.add(s0, f32x4.mul(v128.load32_splat(w), v128.load(row)));
        s1 = f32x4.add(s1, f32x4.mul(v128.load32_splat(w, 4), v128.load(row + step)));
        s2 = f32x4.add(s2, f32x4.mul(v128.load32_splat(w, 8), v128.load(row + (step << 1))));
        s3 = f32x4.add(s3, f32x4.mul(v128.load32_splat(w, 12), v128.load(row + 3 * step)));
      }
      if (left > 0) s0 = f32x4.add(s0, f32x4.mul(v128.load32_splat(w), v128.load(row)));
      if (left > 1) s1 = f32x4.add(s1, f32x4.mul(v128.load32_splat(w, 4), v128.load(row + step)));
      if (left > 2) s2 = f32x4.add(s2, f32x4.mul(v128.load32_splat(w, 8), v128.load(row + (step << 1))));
      v128.store(to, f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
    }
  }
  for (; to < end; to += 4, rows += 4) store<f32>(to, weightedOne(weights, rows, step, count));
}

/** Σ weights[i] · a[i] for numbers `step` bytes apart. */
function weightedOne(weights: usize, a: usize, step: u32, count: u32): f32 {
  let s0: f32 = 0;
  let s1: f32 = 0;
  let s2: f32 = 0;
  let s3: f32 = 0;
  for (; count >= 4; count -= 4) {
    s0 += load<f32>(weights) * load<f32>(a);
    s1 += load<f32>(weights, 4) * load<f32>(a + step);
    s2 += load<f32>(weights, 8) * load<f32>(a + (step << 1));
    s3 += load<f32>(weights, 12) * load<f32>(a + 3 * step);
    a += step << 2;
    weights += 16;
  }
  if (count > 0) s0 += load<f32>(weights) * load<f32>(a);
  if (count > 1) s1 += load<f32>(weights, 4) * load<f32>(a + step);
  if (count > 2) s2 += load<f32>(weights, 8) * load<f32>(a + (step << 1));
  return s0 + s1 + (s2 + s3);
}
