/**
 * code = clamp(y / 2^right + zero, lo, hi) with y = offset + ⌊((x · 2^left) · multiplier + low · 2^16) / 2^32⌋: a point of a line in fixed point. The
 * quotient is exact, rounded to −∞, half to even or half away from 0. x · 2^left and y wrap to 32 bits. Vectors have length 1 (all channels share one) or one entry per channel.
 */
export interface Requantize {
  kind: "requantize";
  /** 1 (all channels share one record) or the number of channels. */
  records: number;
  multiplier: Int32Array; // (records)
  offset: Int32Array; // (records)
  /** 16 more bits of the offset; (records) where they have shifts of their own, else none, and all are 0. */
  low: Uint16Array;
  /** 0 … 31; (records) where they have shifts of their own, else (1). */
  left: Uint8Array;
  right: Uint8Array;
  lo: number;
  hi: number;
  rounding: "floor" | "half-even" | "half-away";
  /** Added to the rounded quotient, −128 … 255; 0 where records have no shifts of their own. */
  zero: number;
}

/** One line, with its shifts. */
export interface Line {
  multiplier: number;
  offset: number;
  low: number;
  left: number;
  right: number;
}

/** The requantization of these lines: with the shifts of them all where `shared`, else with shifts of their own. */
export function requantizeOf(
  range: Pick<Requantize, "lo" | "hi" | "rounding"> & { zero?: number },
  lines: readonly Line[],
  shared: boolean,
): Requantize {
  const shifts = shared ? lines.slice(0, 1) : lines;
  return {
    kind: "requantize",
    records: lines.length,
    multiplier: Int32Array.from(lines, ({ multiplier }) => multiplier),
    offset: Int32Array.from(lines, ({ offset }) => offset),
    low: Uint16Array.from(shared ? [] : lines, ({ low }) => low),
    left: Uint8Array.from(shifts, ({ left }) => left),
    right: Uint8Array.from(shifts, ({ right }) => right),
    zero: 0,
    ...range,
  };
}

/** Whether every record has shifts of its own. */
export function hasOwnShifts({ low }: Requantize): boolean {
  return low.length > 0;
}

/** Code of an integer. */
export function requantize(post: Requantize, channel: number, x: number): number {
  const record = post.records === 1 ? 0 : channel;
  const shifts = hasOwnShifts(post) ? record : 0;
  const [left, right] = [post.left[shifts]! & 31, post.right[shifts]! & 31]; // as WebAssembly shifts; readers refuse others
  const product = BigInt(x << left) * BigInt(post.multiplier[record]!) + (BigInt(post.low[record] ?? 0) << 16n);
  const y = (Number(product >> 32n) + post.offset[record]!) | 0;
  return Math.min(Math.max(SHIFT[post.rounding](y, right) + post.zero, post.lo), post.hi);
}

/** y / 2^shift by each rounding. */
const SHIFT: Record<Requantize["rounding"], (y: number, shift: number) => number> = {
  floor: (y, shift) => y >> shift,
  "half-even": shiftHalfEven,
  "half-away": (y, shift) => (y + ((1 << shift) >>> 1) + (y >> 31)) >> shift, // less 1 where y is negative; wraps to 32 bits
};

/** y / 2^shift, rounded to the nearest integer, ties to the even one. */
function shiftHalfEven(y: number, shift: number): number {
  const floor = y >> shift;
  const twiceRest = 2 * (y - floor * 2 ** shift);
  return floor + Number(twiceRest > 2 ** shift || (twiceRest === 2 ** shift && (floor & 1) === 1));
}
