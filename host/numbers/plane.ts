/**
 * code = clamp(⌊(y + (⌊y / 2^shift⌋ mod 2)) / 2^shift⌋, lo, hi) with y = x · multiplier + other · second + offset in 64 bits, of an integer x and a code
 * `other`: a point of a plane in fixed point. With 2^(shift − 1) − 1 in the offset it is rounded half to even. One entry per record.
 */
export interface Plane {
  kind: "plane";
  /** 1 (all channels share one record) or the number of channels. */
  records: number;
  multiplier: BigInt64Array;
  second: BigInt64Array;
  offset: BigInt64Array;
  lo: Int16Array;
  hi: Int16Array;
  /** 1 … 62. */
  shift: Uint8Array;
}

/** One record of a plane. */
export interface Facet {
  multiplier: bigint;
  second: bigint;
  offset: bigint;
  lo: number;
  hi: number;
  shift: number;
}

/** The plane of these records. */
export function planeOf(facets: readonly Facet[]): Plane {
  return {
    kind: "plane",
    records: facets.length,
    multiplier: BigInt64Array.from(facets, ({ multiplier }) => multiplier),
    second: BigInt64Array.from(facets, ({ second }) => second),
    offset: BigInt64Array.from(facets, ({ offset }) => offset),
    lo: Int16Array.from(facets, ({ lo }) => lo),
    hi: Int16Array.from(facets, ({ hi }) => hi),
    shift: Uint8Array.from(facets, ({ shift }) => shift),
  };
}

/** Code of an integer and a code. */
export function plane(post: Plane, channel: number, x: number, other: number): number {
  const record = post.records === 1 ? 0 : channel;
  const sum = BigInt(x) * post.multiplier[record]! + BigInt(other) * post.second[record]! + post.offset[record]!;
  const y = BigInt.asIntN(64, sum);
  const shift = BigInt(post.shift[record]!);
  const code = BigInt.asIntN(64, y + ((y >> shift) & 1n)) >> shift;
  const [lo, hi] = [BigInt(post.lo[record]!), BigInt(post.hi[record]!)];
  const least = code < lo ? lo : code;
  return Number(least > hi ? hi : least);
}

/** The least y that becomes this code, or a greater one. */
export function leastOf(code: number, shift: number): bigint {
  return (BigInt(code) << BigInt(shift)) - BigInt(code & 1 ? 0 : 1);
}
