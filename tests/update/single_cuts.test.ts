import { afterAll, describe, expect, it } from "vitest";
import type { Geometry } from "./device.ts";
import { ALL, proveCutsAgainAndAgain, proveSingleCuts, SMALL, UNITS } from "./proof.ts";
import { HISTORY_NAMES, type History, ONE_SLOT_HISTORIES, scenarioOf } from "./scenarios.ts";

/** Every unit and erased value on the smallest sectors; logs of other sizes than the model's sectors; parts with error correction; one slot. */
const GEOMETRIES: Geometry[] = [
  ...UNITS.flatMap((unitBytes) => [0xff, 0x00].map((erased) => ({ ...SMALL, unitBytes, erased }))),
  { ...SMALL, unitBytes: 8, recordSectorBytes: 512 },
  { ...SMALL, unitBytes: 16, recordSectorBytes: 4096, sectorBytes: 1024, sectors: 2 },
  { ...SMALL, unitBytes: 32, sectorBytes: 4096, sectors: 2 },
  { ...SMALL, unitBytes: 8, tornIsUnreadable: true },
  { ...SMALL, unitBytes: 32, erased: 0x00, tornIsUnreadable: true },
  { ...SMALL, unitBytes: 8, slots: 1 },
];
/** In a share, the largest unit, where both kinds of cut take the least time; and again and again after some histories alone. */
const SHARE = [{ ...SMALL, erased: 0x00 }];
const isInShare = (history: History) => HISTORY_NAMES.indexOf(history) % 4 === 1;

let runs = 0;
afterAll(() => console.log(`${runs.toLocaleString("en")} replacements, power cut once or again and again`));

describe.each(ALL ? GEOMETRIES : SHARE)("power is cut once, %o", (geometry) => {
  it.each(geometry.slots === 1 ? ONE_SLOT_HISTORIES : HISTORY_NAMES)(
    "%s",
    (history) => {
      const scenario = scenarioOf(geometry, history);
      const count = proveSingleCuts(scenario);
      expect(count).toBeGreaterThan(4 * 20); // twenty operations or more, four ways
      runs += count;
      if (geometry.unitBytes === 32 && (ALL || isInShare(history))) runs += proveCutsAgainAndAgain(scenario);
    },
    600_000,
  );
});
