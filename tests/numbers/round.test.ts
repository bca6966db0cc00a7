import { describe, expect, it } from "vitest";
import { ROUND, type Rounding } from "../../host/numbers/round.ts";

const INPUTS = [-2.5, -1.75, -1.5, -1.25, -0.5, -0.25, 0, 0.25, 0.5, 1.25, 1.5, 1.75, 2.5];

/** Worked out by hand from QONNX's definitions. */
const TABLE: Record<Rounding, number[]> = {
  ROUND: [-2, -2, -2, -1, 0, 0, 0, 0, 0, 1, 2, 2, 2],
  CEIL: [-2, -1, -1, -1, 0, 0, 0, 1, 1, 2, 2, 2, 3],
  FLOOR: [-3, -2, -2, -2, -1, -1, 0, 0, 0, 1, 1, 1, 2],
  UP: [-3, -2, -2, -2, -1, -1, 0, 1, 1, 2, 2, 2, 3],
  DOWN: [-2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2],
  HALF_UP: [-3, -2, -2, -1, -1, 0, 0, 0, 1, 1, 2, 2, 3],
  HALF_DOWN: [-2, -2, -1, -1, 0, 0, 0, 0, 0, 1, 1, 2, 2],
};

describe.each(Object.entries(TABLE))("%s", (mode, expected) => {
  it.each(INPUTS.map((x, i) => [x, expected[i]!]))("%d → %i", (x, code) => {
    expect(ROUND[mode as Rounding](x) + 0).toBe(code); // + 0: −0 and 0 are one code
  });
});

it("rounds half to even beyond 2^52, where no fractions are", () => {
  expect(ROUND.ROUND(2 ** 52 + 1)).toBe(2 ** 52 + 1);
  expect(ROUND.ROUND(-(2 ** 53))).toBe(-(2 ** 53));
});
