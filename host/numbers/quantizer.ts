import { ROUND, type Rounding } from "./round.ts";

/** Uniform quantizer to `bits` bits: QONNX `Quant` / `IntQuant`. Vectors have length 1 (per tensor) or one entry per channel. */
export interface IntQuantizer {
  kind: "int";
  /** Real value of one code step. Multiplies codes: x ≈ (q − zero) · scale. Not zero; may be negative. */
  scale: Float64Array;
  /** Integers. */
  zero: Float64Array;
  bits: number;
  signed: boolean;
  /** Leaves out the lowest signed code, or the highest unsigned one. */
  narrow: boolean;
  rounding: Rounding;
  /**
   * Adds the zero point after rounding, as ONNX's QuantizeLinear does; QONNX's Quant adds it before. They differ at ties, where
   * the zero point is odd.
   */
  roundsFirst?: boolean;
  /** The number and its quotient by the scale are rounded to f32, as TensorFlow Lite's kernels compute them. */
  single?: boolean;
}

/** Sign quantizer to ±1: QONNX `BipolarQuant`, and `Quant` with one signed bit. sign(0) = +1. */
export interface BipolarQuantizer {
  kind: "bipolar";
  scale: Float64Array;
}

export type Quantizer = IntQuantizer | BipolarQuantizer;

/**
 * The quantizer that these fields mean, wherever they are written: one signed bit is the sign, ±1, as QONNX has it. Undefined for one
 * signed bit with a zero point or a scale that is not above 0, which the sign has no use for.
 */
export function uniformQuantizer(fields: Omit<IntQuantizer, "kind">): Quantizer | undefined {
  const { scale, zero, bits, signed } = fields;
  if (bits !== 1 || !signed) return { kind: "int", ...fields };
  return zero.every((z) => z === 0) && scale.every((s) => s > 0) ? { kind: "bipolar", scale } : undefined;
}

/** Entry of a vector that holds one value for all channels, or one per channel. */
export function at(vector: ArrayLike<number>, channel: number): number {
  return vector[vector.length === 1 ? 0 : channel]!;
}

/** Whether two such vectors hold the same in every channel. */
export function alike(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let c = 0; c < Math.max(a.length, b.length); c++) if (at(a, c) !== at(b, c)) return false;
  return true;
}

/** What `make` makes of two such vectors in every channel. */
export function zip(a: ArrayLike<number>, b: ArrayLike<number>, make: (a: number, b: number) => number): Float64Array {
  return Float64Array.from({ length: Math.max(a.length, b.length) }, (_, c) => make(at(a, c), at(b, c)));
}

/** The same quantizer with each of its vectors mapped. */
export function mapVectors(quantizer: Quantizer, map: (vector: Float64Array) => Float64Array): Quantizer {
  const scale = map(quantizer.scale);
  return quantizer.kind === "bipolar" ? { ...quantizer, scale } : { ...quantizer, scale, zero: map(quantizer.zero) };
}

/** Least and greatest code `q`, zero point included (qonnx `min_int`, `max_int`). */
export function codeRange(quantizer: Quantizer): { min: number; max: number } {
  if (quantizer.kind === "bipolar") return { min: -1, max: 1 };
  const { bits, signed, narrow } = quantizer;
  const half = 2 ** (bits - 1);
  return signed
    ? { min: narrow ? 1 - half : -half, max: half - 1 }
    : { min: 0, max: narrow ? 2 * half - 2 : 2 * half - 1 };
}

/** Code `q` of a real number: `clamp(round(x / scale + zero))`, `clamp(round(x / scale) + zero)` or the sign. NaN gives NaN. */
export function quantize(quantizer: Quantizer, x: number, channel: number): number {
  if (quantizer.kind === "bipolar") return Number.isNaN(x) ? Number.NaN : x >= 0 ? 1 : -1;
  const { min, max } = codeRange(quantizer);
  const zero = at(quantizer.zero, channel);
  const before = quantizer.roundsFirst ? 0 : zero;
  const after = zero - before;
  const scale = at(quantizer.scale, channel);
  const quotient = quantizer.single ? Math.fround(Math.fround(x) / scale) : x / scale;
  const q = quotient + before;
  return ROUND[quantizer.rounding](Math.min(Math.max(q, min - after), max - after)) + after; // turns −0 into 0, too
}

/** Zero point of a channel; 0 for bipolar codes. */
export function zeroPoint(quantizer: Quantizer, channel: number): number {
  return quantizer.kind === "bipolar" ? 0 : at(quantizer.zero, channel);
}

/** Real number that a code stands for: `(q − zero) · scale`. */
export function dequantize(quantizer: Quantizer, q: number, channel: number): number {
  return (q - zeroPoint(quantizer, channel)) * at(quantizer.scale, channel);
}
