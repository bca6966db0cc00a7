/** code = clamp((x · multiplier + offset) / 2^shift, lo, hi), rounded to −∞ or half to even, computed in 64 bits. */
export interface Requantize {
  kind: "requantize";
  /** 1 (all channels share one record) or the number of channels. */
  records: number;
  multiplier: Int32Array; // (records)
  offset: BigInt64Array; // (records)
  shift: Uint8Array; // (records), 0 … 62
  lo: number;
  hi: number;
  rounding: "floor" | "half-even";
}

/** Code of an integer: a point of a line in fixed point, rounded and clamped. Sums and products wrap to 64 bits. */
export function requantize(post: Requantize, channel: number, x: number): number {
  const record = post.records === 1 ? 0 : channel;
  const y = BigInt.asIntN(64, BigInt(x) * BigInt(post.multiplier[record]!) + post.offset[record]!);
  const shift = BigInt(post.shift[record]! & 63); // as WebAssembly shifts; valid programs stay below 63
  const code = post.rounding === "floor" ? y >> shift : shiftHalfEven(y, shift);
  return Math.min(Math.max(Number(code), post.lo), post.hi);
}

/** y / 2^shift, rounded to the nearest integer, ties to the even one. */
function shiftHalfEven(y: bigint, shift: bigint): bigint {
  const floor = y >> shift;
  const twiceRest = 2n * (y - (floor << shift));
  const one = 1n << shift;
  const up = twiceRest > one || (twiceRest === one && (floor & 1n) === 1n);
  return up ? floor + 1n : floor;
}
