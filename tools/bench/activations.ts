import type { ActivationDtype } from "../../host/program.ts";

/** How a row of float activations becomes codes: x ≈ scale · (code − zero). */
export interface Activation {
  dtype: ActivationDtype;
  /** The code of 0. */
  zero: number;
  /** Writes the codes of `x` to `row`, as FORMAT.md lays out a row of `dtype`, and returns their scale. */
  quantize(x: Float32Array, row: Uint8Array): number;
}

export type ActivationName = "bit" | "u4" | "i8";

export const ACTIVATIONS: Record<ActivationName, Activation> = {
  bit: { dtype: "bit", zero: 0, quantize: quantizeSigns },
  u4: { dtype: "u8", zero: 8, quantize: (x, row) => quantizeCodes(x, row, 7, 8) },
  i8: { dtype: "i8", zero: 0, quantize: (x, row) => quantizeCodes(x, row, 127, 0) },
};

/** (x + HALF_EVEN) − HALF_EVEN rounds a float64 of less than 2^51 to an integer, half to even: 1.5 · 2^52 leaves no bits behind the point. */
const HALF_EVEN = 1.5 * 2 ** 52;

/** Codes zero − steps … zero + steps; the largest |x| of the row gets the last. */
function quantizeCodes(x: Float32Array, row: Uint8Array, steps: number, zero: number): number {
  let largest = 0;
  for (let k = 0; k < x.length; k++) largest = Math.max(largest, Math.abs(x[k]!));
  const perUnit = largest === 0 ? 0 : steps / largest;
  for (let k = 0; k < x.length; k++) row[k] = x[k]! * perUnit + HALF_EVEN - HALF_EVEN + zero;
  return largest / steps;
}

/** Signs, bit 1 for x < 0; the mean of |x| is the scale with the least square error. */
function quantizeSigns(x: Float32Array, row: Uint8Array): number {
  let sum = 0;
  row.fill(0);
  for (let k = 0; k < x.length; k++) {
    sum += Math.abs(x[k]!);
    row[k >> 3]! |= (x[k]! < 0 ? 1 : 0) << (k & 7);
  }
  return sum / x.length;
}
