import { afterAll, expect, it } from "vitest";
import { ALL, proveDoubleCuts, SMALL } from "./proof.ts";
import { HISTORY_NAMES, type History, scenarioOf } from "./scenarios.ts";

/** In a share, a few pairs of these. */
const SHARE: History[] = ["an older model lies in the other slot", "a newer model was rejected"];

let runs = 0;
afterAll(() => console.log(`${runs.toLocaleString("en")} replacements, power cut twice`));

it.each(ALL ? HISTORY_NAMES : SHARE)(
  "power is cut twice: %s",
  (history) => {
    const count = proveDoubleCuts(scenarioOf({ ...SMALL, sectors: 2 }, history), ALL ? 1 : 16);
    expect(count).toBeGreaterThan(ALL ? 1000 : 100);
    runs += count;
  },
  600_000,
);
