import type { Requantize } from "../program.ts";
import type { Run } from "./runs.ts";

/** code = round((x · multiplier + offset) / 2^shift), before the clamp. */
export interface Line {
  multiplier: number;
  offset: bigint;
  shift: number;
}

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

const MAX_SHIFT = 62;
const MAX_MULTIPLIER = (1n << 31n) - 1n;
/** Beyond every multiplier without a shift. */
const STEEPEST: Slope = { n: 2 ** 32, d: 1 };
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

  const { least, most } = slopeInterval(floors, ceilings);
  if (compare(least, most) > 0) return undefined;
  for (let shift = rounding === "floor" ? 0 : 1; shift <= MAX_SHIFT; shift++) {
    const [first, last] = multipliers(least, most, shift);
    // Each unit of the multiplier beyond the least slope gives the offset at least one unit of room. Open bounds need no more
    // than two, and the least slope itself may be excluded: so of wider intervals, four multipliers are enough to try.
    const end = [last, first + 3n, MAX_MULTIPLIER].reduce((a, b) => (b < a ? b : a));
    for (let multiplier = first; multiplier <= end; multiplier++) {
      const offset = leastOffset(floors, ceilings, multiplier, shift);
      if (offset === undefined) continue;
      const sums = [runs[0]!.from, runs.at(-1)!.to].map((x) => BigInt(x) * multiplier + offset);
      if (sums.some((sum) => sum >= MAX_SUM || sum <= -MAX_SUM)) return undefined;
      return { multiplier: Number(multiplier), offset, shift };
    }
  }
  return undefined;
}

/** Slopes that leave some offset between every floor and every ceiling: floor − a · x_floor ≤ ceiling − a · x_ceiling. */
function slopeInterval(floors: readonly Bound[], ceilings: readonly Bound[]): { least: Slope; most: Slope } {
  let least: Slope = { n: 0, d: 1 };
  let most: Slope = STEEPEST;
  for (const floor of floors) {
    for (const ceiling of ceilings) {
      const n = ceiling.level - floor.level;
      const d = ceiling.x - floor.x; // 0 only within a run, where n = 2 bounds nothing
      if (d > 0 && compare({ n, d }, most) < 0) most = { n, d };
      if (d < 0 && compare({ n: -n, d: -d }, least) > 0) least = { n: -n, d: -d };
    }
  }
  return { least, most };
}

/** Sign of a − b. Exact: levels stay below 2^11 and differences of x below 2^33. */
function compare(a: Slope, b: Slope): number {
  return Math.sign(a.n * b.d - b.n * a.d);
}

/** First and last integer m with least ≤ 2m / 2^shift ≤ most; slopes are not negative here. */
function multipliers(least: Slope, most: Slope, shift: number): [bigint, bigint] {
  const scaled = ({ n }: Slope) => BigInt(n) << BigInt(shift);
  const halves = ({ d }: Slope) => BigInt(2 * d);
  return [(scaled(least) + halves(least) - 1n) / halves(least), scaled(most) / halves(most)];
}

/** The least offset that keeps the line above the floors, if it is also below the ceilings. */
function leastOffset(
  floors: readonly Bound[],
  ceilings: readonly Bound[],
  multiplier: bigint,
  shift: number,
): bigint | undefined {
  const gap = ({ x, level }: Bound) => ((BigInt(level) << BigInt(shift)) >> 1n) - BigInt(x) * multiplier;
  let least = gap(floors[0]!);
  for (const floor of floors) {
    const bound = gap(floor) + (floor.closed ? 0n : 1n);
    if (bound > least) least = bound;
  }
  const fits = ceilings.every((ceiling) => least <= gap(ceiling) - (ceiling.closed ? 0n : 1n));
  return fits ? least : undefined;
}
