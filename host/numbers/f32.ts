/**
 * The functions of float regions, in f32: every operation is rounded to f32, and `assembly/f32.ts` does the same operations in the same order, so that both
 * give the same bits. Each states its error against the real function, in ulp (units in the last place) of f32, and `tests/numbers/f32.test.ts` proves it.
 * The coefficients are minimax polynomials made for these intervals (Lawson's algorithm in float64). Arguments are f32. Of NaN they give some number or NaN.
 */

const f = Math.fround;

/** Added to a number below 2^22 and taken off again, it rounds to an integer, ties to even; in between, that integer is in the low bits. */
const ROUNDER = 12582912; // 1.5 · 2^23
const ROUNDER_BITS = 0x4b400000;

const LOG2_E = f(Math.LOG2E);
/** ln 2 in two parts, of which the first has 9 bits: its products with integers up to 2^15 are exact. */
const LN2_HIGH = f(0.693359375);
const LN2_LOW = f(-0.00021219444);

/** (e^r − 1 − r) / r^2 for |r| ≤ ln 2 / 2. */
const EXP = Float32Array.of(0.5, 0.16666517, 0.0416662, 0.008369097, 0.0013950848);
/** erf(x) / x − 1 in x^2, for |x| ≤ 0.96. */
const ERF = Float32Array.of(
  ...[0.12837917, -0.37612632, 0.11283654, -0.02685714, 0.0051955334, -0.00080817518, 0.0000811914575],
);
/** −ln(1 − erf(x)) for 0.94 ≤ x ≤ 3.95. */
const ERFC_LOG = Float32Array.of(
  ...[0.0002392786, 1.1274955, 0.6374854, 0.1036656, -0.022098724, 0.003011064, -0.0001926602],
);
/** (tanh(x) / x − 1) / x^2 in x^2, for |x| ≤ 0.56. */
const TANH = Float32Array.of(-0.33333313, 0.13332479, -0.053839985, 0.021017415, -0.006193181);

const SQRT_HALF = f(Math.SQRT1_2);
const SQRT_2_OVER_PI = f(Math.sqrt(2 / Math.PI));
const GELU_CUBE = f(0.044715);

/** Σ c[i] · x^i, by Horner's rule. */
function polynomial(c: Float32Array, x: number): number {
  let sum = c[c.length - 1]!;
  for (let i = c.length - 2; i >= 0; i--) sum = f(f(sum * x) + c[i]!);
  return sum;
}

/** 2^n for −126 ≤ n ≤ 127. */
function powerOf2(n: number): number {
  bits[0] = (n + 127) << 23;
  return float[0]!;
}

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

/** e^x within 1 ulp; where that is subnormal, within 0.8 of 2^-149. 0 for NaN. */
export function exp(x: number): number {
  if (!(x > -104)) return 0;
  const z = x < 89 ? x : 89; // e^89 overflows
  float[0] = f(f(z * LOG2_E) + ROUNDER);
  const [n, whole] = [bits[0]! - ROUNDER_BITS, f(float[0] - ROUNDER)];
  const r = f(f(z - f(whole * LN2_HIGH)) - f(whole * LN2_LOW));
  const p = f(f(f(f(r * r) * polynomial(EXP, r)) + r) + 1);
  return f(f(p * powerOf2(n >> 1)) * powerOf2(n - (n >> 1)));
}

/** erf(x) within 1.3 ulp. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < f(0.96)) return f(f(x * polynomial(ERF, f(x * x))) + x);
  const y = f(1 - exp(-polynomial(ERFC_LOG, a < f(3.95) ? a : f(3.95))));
  return x < 0 ? -y : y;
}

/** tanh(x) within 1.4 ulp. */
export function tanh(x: number): number {
  const a = Math.abs(x);
  if (a < f(0.55)) {
    const square = f(x * x);
    return f(f(x * f(square * polynomial(TANH, square))) + x);
  }
  const y = f(1 - f(2 / f(exp(f(2 * a)) + 1)));
  return x < 0 ? -y : y;
}

/** x · Φ(x) = x / 2 · (1 + erf(x / √2)), within 5e-7 for |x| ≤ 8. */
export function gelu(x: number): number {
  return f(f(f(0.5) * x) * f(1 + erf(f(x * SQRT_HALF))));
}

/** The approximation x / 2 · (1 + tanh(√(2 / π) · (x + 0.044715 · x^3))) (Hendrycks and Gimpel, 2016), within 5e-7 for |x| ≤ 8. */
export function geluTanh(x: number): number {
  const cube = f(f(GELU_CUBE * f(x * x)) * x);
  return f(f(f(0.5) * x) * f(1 + tanh(f(SQRT_2_OVER_PI * f(x + cube)))));
}

/** x / (1 + e^−x) within 2.2 ulp, but where e^−x overflows, which gives −0. */
export function silu(x: number): number {
  return f(x / f(1 + exp(-x)));
}

/** max(x, 0)^2 */
export function relu2(x: number): number {
  return x > 0 ? f(x * x) : 0;
}

/** 1 / √x */
export function inverseSqrt(x: number): number {
  return f(1 / f(Math.sqrt(x)));
}

/** Σ term(i) for i < count, in the order of every reduction: partial sum j of four takes the terms i ≡ j (mod 4), and the end is (s0 + s1) + (s2 + s3). */
export function sum(count: number, term: (i: number) => number): number {
  const partial = new Float32Array(4);
  for (let i = 0; i < count; i++) partial[i & 3] = partial[i & 3]! + term(i);
  return f(f(partial[0]! + partial[1]!) + f(partial[2]! + partial[3]!));
}
