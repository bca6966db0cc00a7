import { type CodeClass, NARROW } from "../../host/blob/targets.ts";
import type { ActivationDtype } from "../../host/program.ts";

/** Floats and their bits, two views of the same bytes. */
export interface Floats {
  values: Float32Array;
  bits: Int32Array;
}

/** Linear memory as bytes and as words of four. */
export interface Memory {
  bytes: Uint8Array;
  words: Int32Array;
}

/** How a row of float activations becomes codes: x ≈ scale · (code − zero). */
export interface Activation {
  dtype: ActivationDtype;
  /** The code of 0. */
  zero: number;
  /** What its codes are known to be. */
  codes: CodeClass;
  /**
   * Writes the codes of x[first] … x[end − 1] to `memory` as FORMAT.md lays out a row of `dtype`, from byte `at` on, which is a
   * multiple of 4, and returns their scale.
   */
  quantize(x: Floats, first: number, end: number, memory: Memory, at: number): number;
}

export type ActivationName = "bit" | "u4" | "i4" | "i8";

export const ACTIVATIONS: Record<ActivationName, Activation> = {
  bit: { dtype: "bit", zero: 0, codes: "narrow", quantize: quantizeSigns },
  u4: codes("u8", 7, 8),
  i4: codes("i8", 7, 0),
  i8: codes("i8", 127, 0),
};

/** Codes zero − steps … zero + steps; the largest |x| of the row gets the last. */
function codes(dtype: ActivationDtype, steps: number, zero: number): Activation {
  return {
    dtype,
    zero,
    codes: 2 * steps < NARROW ? "narrow" : "signed",
    quantize(x, first, end, memory, at) {
      const largest = largestOf(x, first, end);
      const perUnit = largest === 0 ? 0 : steps / largest;
      writeCodes(x.values, first, end, perUnit, zero, memory, at);
      return largest / steps;
    },
  };
}

// These loops are timed along with the product, so they are as fast as was found. It was
// measured on V8 11.3 and 13.6: 1.3 to 1.5 ns per code and 1.0 to 1.2 per sign, where plain loops took 1.9 to 2.9 and 5.7 to 6.8.

const MAGNITUDE = 0x7fffffff;
const oneFloat = new Float32Array(1);
const oneBits = new Int32Array(oneFloat.buffer);

/** Largest |x|: floats of one sign are ordered as their bits are. Four running maxima, so that none waits for the last. */
function largestOf({ bits }: Floats, first: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let k = first;
  for (; k + 8 <= end; k += 8) {
    a = greater(a, bits[k]! & MAGNITUDE);
    b = greater(b, bits[k + 1]! & MAGNITUDE);
    c = greater(c, bits[k + 2]! & MAGNITUDE);
    d = greater(d, bits[k + 3]! & MAGNITUDE);
    a = greater(a, bits[k + 4]! & MAGNITUDE);
    b = greater(b, bits[k + 5]! & MAGNITUDE);
    c = greater(c, bits[k + 6]! & MAGNITUDE);
    d = greater(d, bits[k + 7]! & MAGNITUDE);
  }
  for (; k < end; k++) a = greater(a, bits[k]! & MAGNITUDE);
  oneBits[0] = greater(greater(a, b), greater(c, d));
  return oneFloat[0]!;
}

function greater(a: number, b: number): number {
  return b > a ? b : a;
}

/** (x + HALF_EVEN) − HALF_EVEN rounds a float64 of less than 2^51 to an integer, half to even: 1.5 · 2^52 leaves no bits behind the point. */
const HALF_EVEN = 1.5 * 2 ** 52;
/** The same for x · 2^8, 2^16 and 2^24, to multiples of those. */
const HALF_EVEN_8 = HALF_EVEN * 2 ** 8;
const HALF_EVEN_16 = HALF_EVEN * 2 ** 16;
const HALF_EVEN_24 = HALF_EVEN * 2 ** 24;
/** 128 in each byte: added to four codes, it makes them digits in base 256; XOR takes it away again. */
const TOP_BITS = 0x80808080;

/**
 * round(x · perUnit) + zero for x[first] … x[end − 1], a byte each. Four are the digits of one number, which becomes an integer at
 * once. The codes that are left over have a loop of their own: V8 keeps less in registers in a function that has both.
 */
function writeCodes(
  x: Float32Array,
  first: number,
  end: number,
  perUnit: number,
  zero: number,
  { bytes, words }: Memory,
  at: number,
): void {
  const perUnit8 = perUnit * 2 ** 8;
  const perUnit16 = perUnit * 2 ** 16;
  const perUnit24 = perUnit * 2 ** 24;
  const zeros = TOP_BITS + 0x01010101 * zero;
  const wholeEnd = end - ((end - first) & 3);
  let word = at >> 2;
  for (let k = first; k < wholeEnd; k += 4) {
    const low = x[k]! * perUnit + HALF_EVEN - HALF_EVEN + (x[k + 1]! * perUnit8 + HALF_EVEN_8 - HALF_EVEN_8);
    const high =
      x[k + 2]! * perUnit16 + HALF_EVEN_16 - HALF_EVEN_16 + (x[k + 3]! * perUnit24 + HALF_EVEN_24 - HALF_EVEN_24);
    words[word++] = (low + high + zeros) ^ TOP_BITS;
  }
  writeLastCodes(x, wholeEnd, end, perUnit, zero, bytes, at + wholeEnd - first);
}

function writeLastCodes(
  x: Float32Array,
  first: number,
  end: number,
  perUnit: number,
  zero: number,
  bytes: Uint8Array,
  at: number,
): void {
  for (let k = first; k < end; k++) bytes[at++] = x[k]! * perUnit + HALF_EVEN - HALF_EVEN + zero;
}

/** Signs, bit 1 for x < 0; the mean of |x| is the scale with the least square error. */
function quantizeSigns({ values, bits }: Floats, first: number, end: number, { words }: Memory, at: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let k = first;
  let word = at >> 2;
  for (; k + 32 <= end; word++) {
    let signs = 0;
    for (let lane = 0; lane < 32; lane += 4, k += 4) {
      signs |=
        (isNegative(bits[k]!) |
          (isNegative(bits[k + 1]!) << 1) |
          (isNegative(bits[k + 2]!) << 2) |
          (isNegative(bits[k + 3]!) << 3)) <<
        lane;
      a += Math.abs(values[k]!);
      b += Math.abs(values[k + 1]!);
      c += Math.abs(values[k + 2]!);
      d += Math.abs(values[k + 3]!);
    }
    words[word] = signs;
  }
  if (k < end) {
    let signs = 0;
    for (let lane = 0; k < end; lane++, k++) {
      signs |= isNegative(bits[k]!) << lane;
      a += Math.abs(values[k]!);
    }
    words[word] = signs; // rows have whole words: FORMAT.md
  }
  return (a + b + (c + d)) / (end - first);
}

/** 1 for x < 0, by the bits of x; −0, of which nothing but the sign is set, is not. */
function isNegative(bits: number): number {
  return (bits & (bits - 1)) >>> 31;
}
