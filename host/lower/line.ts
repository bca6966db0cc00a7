import type { Line } from "../numbers/requantize.ts";
import type { Requantize } from "../program.ts";
import type { Run } from "./runs.ts";

/** Shifts of a line: of the integer, and of the code. */
export type Shifts = Pick<Line, "left" | "right">;

/** At x the line stays above (a floor) or below (a ceiling) this level. Levels count half codes; `closed` allows equality. */
interface Bound {
  x: number;
  level: number;
  closed: boolean;
}

/** Slope n / d, in half codes per unit of x; d > 0. */
interface Slope {
  n: number;
  d: number;
}

/** Where a line must pass to give certain codes: above all floors and below all ceilings. */
export interface Corridor {
  /** Codes lie in lo … hi. */
  lo: number;
  hi: number;
  rounding: Requantize["rounding"];
  /** Integers from the first to the last, and the greatest magnitude of one. */
  span: number;
  reach: number;
  /** −1: the codes fall, and x stands for −x. */
  sign: 1 | -1;
  floors: Bound[];
  ceilings: Bound[];
  /** Slopes that leave some offset between every floor and every ceiling. */
  least: Slope;
  most: Slope;
}

const MAX_MULTIPLIER = 2 ** 31 - 1;
/** y stays below 2^30, as the product's high half does: so the offset, which is their difference, stays within 32 bits wherever 0 lies. */
const MAX_Y = 2 ** 30;
/** Multipliers that are tried on either side of the one that leaves the offset most room. */
const NEIGHBOURS = 8;

/** The corridor of the lines that give exactly the codes of these runs once they are rounded and clamped to lo … hi; undefined where no line does. */
export function corridorOf(
  runs: readonly Run[],
  lo: number,
  hi: number,
  rounding: Requantize["rounding"],
): Corridor | undefined {
  const [first, last] = [runs[0]!, runs.at(-1)!];
  const sign = last.code < first.code ? -1 : 1;
  const rising = sign > 0 ? runs : runs.map(({ from, to, code }) => ({ from: -to, to: -from, code })).reverse();
  if (!rising.every(({ code }, i) => i === 0 || code > rising[i - 1]!.code)) return undefined;

  // The value reaches j where the line reaches j, or, rounded half to even, j − 1/2: at the tie itself only for an even j.
  const reached = (x: number, j: number): Bound =>
    rounding === "floor" ? { x, level: 2 * j, closed: true } : { x, level: 2 * j - 1, closed: j % 2 === 0 };
  const isConstant = rising.length === 1;
  const floors = rising.filter(({ code }) => code > lo || isConstant).map(({ from, code }) => reached(from, code));
  const ceilings = rising
    .filter(({ code }) => code < hi || isConstant)
    .map(({ to, code }) => reached(to, code + 1))
    .map((bound) => ({ ...bound, closed: !bound.closed }));
  const { least, most } = slopeInterval(floors, ceilings, steepest(lo, hi));
  if (compare(least, most) > 0) return undefined;
  const [span, reach] = [last.to - first.from, Math.max(1, Math.abs(first.from), Math.abs(last.to))];
  return { lo, hi, rounding, span, reach, sign, floors, ceilings, least, most };
}

/** The greatest left shift that keeps the integers in 32 bits. */
export function leftShift({ reach }: Corridor): number {
  return 31 - Math.ceil(Math.log2(reach + 1));
}

/** The greatest right shift that keeps multiplier and y in 32 bits: it leaves a line most bits. Negative where there is none. */
export function rightShift({ lo, hi, span, most }: Corridor, left: number): number {
  const slope = most.n / most.d / 2; // codes per unit of x
  const height = slope * span + Math.max(Math.abs(lo), Math.abs(hi)) + 1;
  const ofMultiplier = Math.floor(Math.log2(MAX_MULTIPLIER / slope)) + left - 32;
  return Math.min(ofMultiplier, Math.floor(Math.log2(MAX_Y / height)), 31);
}

/**
 * A line of these shifts through a corridor; undefined where none is found. `fine` allows the low bits of the offset.
 *
 * Each floor and each ceiling bounds offset b and slope a from one side: floor − a·x ≤ b < ceiling − a·x. Of the multipliers between the least and the
 * greatest slope, the one that leaves most room to the offset is looked for in float64, and then the offset in exact integers.
 */
export function fitLine(corridor: Corridor, shifts: Shifts, fine: boolean): Line | undefined {
  const { rounding, sign, least, most } = corridor;
  const { left, right } = shifts;
  if (left < 0 || right < (rounding === "floor" ? 0 : 1)) return undefined; // without a bit there is nothing to round
  const [first, last] = multipliers(least, most, 31 + right - left);
  const widest = greatestAt((multiplier) => room(corridor, shifts, multiplier), first, last);
  for (let distance = 0; distance <= NEIGHBOURS; distance++) {
    for (const multiplier of new Set([widest - distance, widest + distance])) {
      if (multiplier < first || multiplier > last) continue;
      const offset = offsetOf(corridor, shifts, multiplier, fine);
      if (offset === undefined) continue;
      const [high, low] = [Number(offset >> 32n), Number((offset >> 16n) & 0xffffn)];
      return { multiplier: sign * multiplier + 0, offset: high, low, left, right };
    }
  }
  return undefined;
}

/**
 * One code more per unit of x than there are, where a step between two neighbours allows any slope: what is steeper gains nothing, and its offset needs
 * bits that the multiplier then lacks.
 */
function steepest(lo: number, hi: number): Slope {
  return { n: 2 * (hi - lo + 1), d: 1 };
}

/** Slopes up to `most` that leave some offset between every floor and every ceiling: floor − a · x_floor ≤ ceiling − a · x_ceiling. */
function slopeInterval(
  floors: readonly Bound[],
  ceilings: readonly Bound[],
  most: Slope,
): Pick<Corridor, "least" | "most"> {
  let least: Slope = { n: 0, d: 1 };
  for (const floor of floors) {
    for (const ceiling of ceilings) {
      const n = ceiling.level - floor.level;
      const d = ceiling.x - floor.x; // 0 only within a run, where n = 2 bounds nothing
      if (d > 0 && n * most.d < most.n * d) most = { n, d };
      if (d < 0 && n * least.d < least.n * d) least = { n: -n, d: -d };
    }
  }
  return { least, most };
}

/** Sign of a − b. Exact: levels stay below 2^11 and differences of x below 2^33. */
function compare(a: Slope, b: Slope): number {
  return Math.sign(a.n * b.d - b.n * a.d);
}

/** First and last multiplier m with least ≤ m / 2^shift ≤ most; slopes are not negative here. */
function multipliers(least: Slope, most: Slope, shift: number): [number, number] {
  const scaled = ({ n }: Slope) => BigInt(n) << BigInt(Math.max(shift, 0));
  const whole = ({ d }: Slope) => BigInt(d) << BigInt(Math.max(-shift, 0));
  const first = (scaled(least) + whole(least) - 1n) / whole(least);
  const last = scaled(most) / whole(most);
  return [Number(first), Math.min(Number(last), MAX_MULTIPLIER)];
}

/** Where a concave function of the integers first … last is greatest. */
function greatestAt(value: (x: number) => number, first: number, last: number): number {
  while (last - first > 2) {
    const third = Math.floor((last - first) / 3);
    if (value(first + third) < value(last - third)) first += third;
    else last -= third;
  }
  return Math.floor((first + last) / 2);
}

/** How far apart the floors and the ceilings leave the offset of a multiplier, in units of the product; in float64, so not to the bit. */
function room({ floors, ceilings }: Corridor, { left, right }: Shifts, multiplier: number): number {
  const [half, slope] = [2 ** (31 + right), 2 ** left * multiplier];
  let [least, most] = [-Infinity, Infinity];
  for (const { x, level } of floors) least = Math.max(least, level * half - x * slope);
  for (const { x, level } of ceilings) most = Math.min(most, level * half - x * slope);
  return most - least;
}

/** The least offset, in units of the product, that keeps the line above the floors, if it is also below the ceilings. */
function offsetOf(
  { floors, ceilings }: Corridor,
  { left, right }: Shifts,
  multiplier: number,
  fine: boolean,
): bigint | undefined {
  // a level that is not reached itself is reached by the next y, 2^32 above it
  const gap = ({ x, level }: Bound, isReached: boolean): bigint => {
    const from = (BigInt(level) << BigInt(31 + right)) + (isReached ? 0n : 1n << 32n);
    return from - (BigInt(x) << BigInt(left)) * BigInt(multiplier);
  };
  const least = floors.map((floor) => gap(floor, floor.closed)).reduce((a, b) => (a > b ? a : b));
  const bits = fine ? 16n : 32n;
  const offset = -(-least >> bits) << bits;
  return ceilings.every((ceiling) => offset < gap(ceiling, !ceiling.closed)) ? offset : undefined;
}
