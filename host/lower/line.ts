import type { Requantize } from "../program.ts";
import type { Run } from "./runs.ts";

/** code = round((x · multiplier + offset) / 2^shift), before the clamp. */
export interface Line {
  multiplier: number;
  offset: bigint;
  shift: number;
}

/** The line stays above (a floor) or below (a ceiling) this level at x. Levels count half codes; `closed` allows equality. */
interface Bound {
  x: number;
  level: number;
  closed: boolean;
}

/** A slope n / d in half codes per unit of x; d > 0. */
interface Slope {
  n: number;
  d: number;
  closed: boolean;
}

const MAX_SHIFT = 62;
const MAX_MULTIPLIER = (1n << 31n) - 1n;
/** Sums stay below 2^62, so that neither they nor the doubled rest of rounding leave 64 bits. */
const MAX_SUM = 1n << 62n;

/**
 * The line of smallest shift that gives exactly the codes of these runs once it is rounded and clamped to lo … hi; undefined
 * where none exists.
 *
 * A line is right when it is right at both ends of every run. Each end bounds offset b and slope a from one side:
 * floor − a·x ≤ b < ceiling − a·x. All pairs of a floor and a ceiling together leave an interval of slopes, which is compared
 * in exact rational arithmetic; then a dyadic slope inside it leaves an interval of integer offsets.
 */
export function fitLine(
  runs: readonly Run[],
  lo: number,
  hi: number,
  rounding: Requantize["rounding"],
): Line | undefined {
  if (runs.length === 1) return { multiplier: 0, offset: BigInt(runs[0]!.code), shift: 0 };
  const changes = runs.slice(1).map(({ code }, i) => code - runs[i]!.code);
  if (changes.every((change) => change < 0)) {
    const mirrored = runs.map(({ from, to, code }) => ({ from: -to, to: -from, code })).reverse();
    const line = fitLine(mirrored, lo, hi, rounding);
    return line && { ...line, multiplier: -line.multiplier };
  }
  if (!changes.every((change) => change > 0)) return undefined;

  // The value reaches j where the line reaches j, or, rounded half to even, j − 1/2: at the tie itself only for an even j.
  const reach = (x: number, j: number): Bound =>
    rounding === "floor" ? { x, level: 2 * j, closed: true } : { x, level: 2 * j - 1, closed: j % 2 === 0 };
  const floors = runs.filter(({ code }) => code > lo).map(({ from, code }) => reach(from, code));
  const ceilings = runs
    .filter(({ code }) => code < hi)
    .map(({ to, code }) => reach(to, code + 1))
    .map((bound) => ({ ...bound, closed: !bound.closed }));

  const slopes = slopeInterval(floors, ceilings);
  if (!slopes) return undefined;
  for (let shift = rounding === "floor" ? 0 : 1; shift <= MAX_SHIFT; shift++) {
    const least = leastMultiplier(slopes.least, shift);
    const most = slopes.most && greatestMultiplier(slopes.most, shift);
    // Open bounds want two units of room for the offset. Two steps beyond the least slope give that much, so more are in vain.
    for (let multiplier = least; multiplier <= least + 2n && (most === undefined || multiplier <= most); multiplier++) {
      if (multiplier > MAX_MULTIPLIER) return undefined;
      const offset = leastOffset(floors, ceilings, multiplier, shift);
      if (offset === undefined) continue;
      const sums = [runs[0]!.from, runs.at(-1)!.to].map((x) => BigInt(x) * multiplier + offset);
      if (sums.some((sum) => sum >= MAX_SUM || sum <= -MAX_SUM)) return undefined;
      return { multiplier: Number(multiplier), offset, shift };
    }
  }
  return undefined;
}

/** Slopes of all lines above the floors and below the ceilings; undefined if there is none. Runs rise, so `least` exists. */
function slopeInterval(floors: Bound[], ceilings: Bound[]): { least: Slope; most?: Slope } | undefined {
  let least: Slope = { n: 0, d: 1, closed: false };
  let most: Slope | undefined;
  for (const floor of floors) {
    for (const ceiling of ceilings) {
      // floor − a · x_floor ≤ ceiling − a · x_ceiling; runs are disjoint or, in one run, from ≤ to
      const closed = floor.closed && ceiling.closed;
      const d = ceiling.x - floor.x;
      const n = ceiling.level - floor.level;
      if (d > 0) {
        if (!most || compare({ n, d, closed }, most) < 0 || (compare({ n, d, closed }, most) === 0 && !closed)) {
          most = { n, d, closed };
        }
      } else if (d < 0) {
        const slope = { n: -n, d: -d, closed };
        const order = compare(slope, least);
        if (order > 0 || (order === 0 && !closed)) least = slope;
      } else if (n < 0 || (n === 0 && !closed)) {
        return undefined;
      }
    }
  }
  if (most) {
    const order = compare(least, most);
    if (order > 0 || (order === 0 && !(least.closed && most.closed))) return undefined;
  }
  return { least, most };
}

/** Sign of a − b. Exact: levels stay below 2^11 and differences of x below 2^33. */
function compare(a: Slope, b: Slope): number {
  return Math.sign(a.n * b.d - b.n * a.d);
}

/** The least integer m with m / 2^shift above the slope; n ≥ 0. */
function leastMultiplier({ n, d, closed }: Slope, shift: number): bigint {
  const numerator = BigInt(n) << BigInt(shift);
  const denominator = BigInt(2 * d);
  const floor = numerator / denominator;
  return closed && floor * denominator === numerator ? floor : floor + 1n;
}

/** The greatest integer m with m / 2^shift below the slope; n ≥ 0. */
function greatestMultiplier({ n, d, closed }: Slope, shift: number): bigint {
  const numerator = BigInt(n) << BigInt(shift);
  const denominator = BigInt(2 * d);
  const floor = numerator / denominator;
  return closed || floor * denominator !== numerator ? floor : floor - 1n;
}

/** The least offset that keeps the line above the floors, if it is also below the ceilings. */
function leastOffset(floors: Bound[], ceilings: Bound[], multiplier: bigint, shift: number): bigint | undefined {
  const gap = ({ x, level }: Bound) => ((BigInt(level) << BigInt(shift)) >> 1n) - BigInt(x) * multiplier;
  let least = gap(floors[0]!);
  for (const floor of floors) {
    const bound = gap(floor) + (floor.closed ? 0n : 1n);
    if (bound > least) least = bound;
  }
  const fits = ceilings.every((ceiling) => least <= gap(ceiling) - (ceiling.closed ? 0n : 1n));
  return fits ? least : undefined;
}
