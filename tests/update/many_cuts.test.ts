import { afterAll, expect, it } from "vitest";
import type { Geometry } from "./device.ts";
import { ALL, proveManyCuts, SMALL, UNITS } from "./proof.ts";

/** Every unit, erased value and size of sectors from 256 bytes to 256 KB, with and without error correction, one slot and two. Records have sectors of 16 KB or less, as on STM32F4. */
const GEOMETRIES: Geometry[] = [256, 512, 1024, 4096, 65_536, 131_072, 262_144].flatMap((sectorBytes) =>
  UNITS.flatMap((unitBytes) =>
    [0xff, 0x00].flatMap((erased) =>
      [1, 2].map((slots) => ({
        ...SMALL,
        unitBytes,
        erased,
        sectorBytes,
        recordSectorBytes: Math.min(sectorBytes, 16_384),
        sectors: 2,
        slots: slots as 1 | 2,
        tornIsUnreadable: unitBytes >= 8 === (slots === 2),
      })),
    ),
  ),
);

/** Replacements on each geometry: fewer where one takes many operations. */
function runsOn({ sectorBytes, unitBytes }: Geometry): number {
  const units = (sectorBytes + 443) / unitBytes;
  return Math.ceil((ALL ? 1_000_000 : 20_000) / (100 + units));
}

/** In a share, few and small. */
const SHARE = GEOMETRIES.filter(({ sectorBytes }, i) => sectorBytes <= 4096 && i % 5 === 0);

let runs = 0;
afterAll(() => console.log(`${runs.toLocaleString("en")} replacements, power cut up to twelve times`));

it.each(ALL ? GEOMETRIES : SHARE)(
  "power is cut anywhere, %o",
  (geometry) => {
    const count = runsOn(geometry);
    for (let seed = 0; seed < count; seed += 10) runs += proveManyCuts(geometry, seed + 1, Math.min(10, count - seed));
    expect(runs).toBeGreaterThan(0);
  },
  600_000,
);
