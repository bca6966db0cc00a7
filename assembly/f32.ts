// The functions of float regions: host/numbers/f32.ts, which says what they are and how far off, operation by operation.

const ROUNDER: f32 = 12582912; // 1.5 · 2^23
const ROUNDER_BITS: i32 = 0x4b400000;

const LOG2_E: f32 = Mathf.LOG2E;
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -0.00021219444;

const SQRT_HALF: f32 = Mathf.SQRT1_2;
const SQRT_2_OVER_PI: f32 = 0.7978845608028654;
const GELU_CUBE: f32 = 0.044715;

function powerOf2(n: i32): f32 {
  return reinterpret<f32>((n + 127) << 23);
}

export function exp(x: f32): f32 {
  if (!(x > -104)) return 0;
  const z: f32 = x < 89 ? x : 89;
  const shifted = z * LOG2_E + ROUNDER;
  const n = reinterpret<i32>(shifted) - ROUNDER_BITS;
  const whole = shifted - ROUNDER;
  const r = z - whole * LN2_HIGH - whole * LN2_LOW;
  let p: f32 = 0.0013950848;
  p = p * r + <f32>0.008369097;
  p = p * r + <f32>0.0416662;
  p = p * r + <f32>0.16666517;
  p = p * r + <f32>0.5;
  p = r * r * p + r + 1;
  return p * powerOf2(n >> 1) * powerOf2(n - (n >> 1));
}

export function erf(x: f32): f32 {
  const a = abs(x);
  if (a < <f32>0.96) {
    const square = x * x;
    let p: f32 = 0.0000811914575;
    p = p * square + <f32>-0.00080817518;
    p = p * square + <f32>0.0051955334;
    p = p * square + <f32>-0.02685714;
    p = p * square + <f32>0.11283654;
    p = p * square + <f32>-0.37612632;
    p = p * square + <f32>0.12837917;
    return x * p + x;
  }
  const b = a < <f32>3.95 ? a : <f32>3.95;
  let p: f32 = -0.0001926602;
  p = p * b + <f32>0.003011064;
  p = p * b + <f32>-0.022098724;
  p = p * b + <f32>0.1036656;
  p = p * b + <f32>0.6374854;
  p = p * b + <f32>1.1274955;
  p = p * b + <f32>0.0002392786;
  const y: f32 = 1 - exp(-p);
  return x < 0 ? -y : y;
}

export function tanh(x: f32): f32 {
  const a = abs(x);
  if (a < <f32>0.55) {
    const square = x * x;
    let p: f32 = -0.006193181;
    p = p * square + <f32>0.021017415;
    p = p * square + <f32>-0.053839985;
    p = p * square + <f32>0.13332479;
    p = p * square + <f32>-0.33333313;
    return x * (square * p) + x;
  }
  const y: f32 = 1 - 2 / (exp(2 * a) + 1);
  return x < 0 ? -y : y;
}

export function gelu(x: f32): f32 {
  return <f32>0.5 * x * (1 + erf(x * SQRT_HALF));
}

export function geluTanh(x: f32): f32 {
  const cube = GELU_CUBE * (x * x) * x;
  return <f32>0.5 * x * (1 + tanh(SQRT_2_OVER_PI * (x + cube)));
}

export function silu(x: f32): f32 {
  return x / (1 + exp(-x));
}

export function relu2(x: f32): f32 {
  return x > 0 ? x * x : 0;
}

export function inverseSqrt(x: f32): f32 {
  return <f32>1 / sqrt(x);
}
