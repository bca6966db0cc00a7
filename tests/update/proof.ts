import { Random } from "../graph/random.ts";
import type { Geometry } from "./device.ts";
import { CUTS } from "./flash.ts";
import { Broken, type PowerCut, Replacement } from "./replacement.ts";
import { HISTORY_NAMES, ONE_SLOT_HISTORIES, type Scenario, scenarioOf } from "./scenarios.ts";

// How power is cut while a model is replaced. Each proof returns how many replacements it has run; where one fails it throws, saying what to run again.

/** Whether everything is proven, `npm run test:update`, or a share. */
export const ALL = process.env.TERN_CUTS === "all";

export const UNITS = [1, 2, 4, 8, 16, 32];
/** A model of three sectors, the smallest that there are. */
export const SMALL: Geometry = { unitBytes: 32, erased: 0xff, recordSectorBytes: 256, sectorBytes: 256, sectors: 3 };

/** An erase is cut in so many ways more, since the place where it stops is left to chance: before each record of a log, many times. */
const ERASE_SEEDS = ALL ? 40 : 6;

export function run(scenario: Scenario, cuts: readonly PowerCut[], seed = 1, hesitates = false): Replacement {
  const replacement = new Replacement(scenario, hesitates);
  try {
    replacement.run(cuts, seed);
  } catch (error) {
    const { geometry, history } = scenario;
    const where = `${JSON.stringify(geometry)}, ${history}; ${JSON.stringify(cuts)}, seed ${seed}${hesitates ? ", hesitates" : ""}`;
    throw new Broken(`${where}: ${(error as Error).message}`, { cause: error });
  }
  return replacement;
}

/** One cut, in every operation and every way. */
export function proveSingleCuts(scenario: Scenario): number {
  let runs = 1;
  const [operations] = run(scenario, []).operations;
  const erases = new Set(scenario.device.flash.erases);
  for (let at = 0; at < operations!; at++) {
    for (const cut of CUTS) {
      const seeds = erases.has(at) && cut !== "before" ? ERASE_SEEDS : 1;
      for (let seed = 1; seed <= seeds; seed++, runs++) run(scenario, [{ at, cut }], seed);
    }
  }
  return runs;
}

/** Two cuts: every `step`-th pair of operations, in every way. The second is counted from the power-up after the first. */
export function proveDoubleCuts(scenario: Scenario, step = 1): number {
  let runs = 0;
  const [operations] = run(scenario, []).operations;
  for (let at = 0; at < operations!; at++) {
    for (const cut of CUTS) {
      const [, left] = run(scenario, [{ at, cut }]).operations;
      for (let second = (at + runs) % step; second < left!; second += step) {
        for (const way of CUTS) {
          run(scenario, [
            { at, cut },
            { at: second, cut: way },
          ]);
          runs++;
        }
      }
    }
  }
  return runs;
}

/** A cut in every operation, and then eight times in the first that comes: more than a log has cells. */
export function proveCutsAgainAndAgain(scenario: Scenario): number {
  let runs = 0;
  const [operations] = run(scenario, []).operations;
  for (let at = 0; at < operations!; at++) {
    for (const cut of CUTS) {
      for (const way of CUTS) {
        run(scenario, [{ at, cut }, ...Array<PowerCut>(8).fill({ at: 0, cut: way })], ++runs);
      }
    }
  }
  return runs;
}

/** Up to twelve cuts anywhere, on a scenario of a seed; so often. */
export function proveManyCuts(geometry: Geometry, seed: number, runs: number): number {
  const random = new Random(seed);
  const scenario = scenarioOf(geometry, random.pick(geometry.slots === 1 ? ONE_SLOT_HISTORIES : HISTORY_NAMES));
  const [operations] = run(scenario, []).operations;
  for (let i = 0; i < runs; i++) {
    const cuts = Array.from({ length: random.int(1, 12) }, () => ({
      // the ends of a transfer, where few operations are, are to be met as often as its middle
      at: random.chance(0.5) ? random.int(0, Math.min(8, operations!)) : random.int(0, operations!),
      cut: random.pick(CUTS),
    }));
    run(scenario, cuts, random.int(1, 1e9), random.chance(0.25));
  }
  return runs;
}
