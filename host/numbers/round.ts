/**
 * Rounding of a float64 to an integer. Names and meanings are those of QONNX's `rounding_mode`
 * (qonnx, `custom_op/general/intquant.py`, `resolve_rounding_mode`).
 */
export type Rounding = (typeof ROUNDINGS)[number];

export const ROUNDINGS = ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"] as const;

export const ROUND: Record<Rounding, (x: number) => number> = {
  ROUND: roundHalfEven,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
  UP: (x) => Math.sign(x) * Math.ceil(Math.abs(x)), // away from zero
  DOWN: Math.trunc,
  HALF_UP: (x) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5), // ties away from zero
  HALF_DOWN: (x) => Math.sign(x) * Math.ceil(Math.abs(x) - 0.5), // ties toward zero
};

/** Rounds to the nearest integer, ties to the even one: the rounding of numpy, torch and WebAssembly's `f64.nearest`. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor; // exact: both have the same exponent range below 2^53
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
