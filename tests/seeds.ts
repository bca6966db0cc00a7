// How many random cases a suite tries: a share in `npm test`, all in `npm run test:random`, which sets TERN_SEEDS=all.
const SHARE = 0.1;

export const ALL_SEEDS = process.env.TERN_SEEDS === "all";

/** The number of cases to try, out of those that there are. */
export function seedCount(all: number): number {
  return ALL_SEEDS ? all : Math.ceil(SHARE * all);
}
