import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { corridorOf, fitLine, leftShift, rightShift } from "../../host/lower/line.ts";
import { type Run, runs } from "../../host/lower/runs.ts";
import { type Line, requantize, requantizeOf } from "../../host/numbers/requantize.ts";
import { ROUND } from "../../host/numbers/round.ts";
import type { Requantize } from "../../host/program.ts";

type Rounding = Requantize["rounding"];

const post = (line: Line, lo: number, hi: number, rounding: Rounding): Requantize =>
  requantizeOf({ lo, hi, rounding }, [line], false);

/** The line of the greatest shifts. */
function fitted(found: Run[], lo: number, hi: number, rounding: Rounding, fine = true): Line | undefined {
  const corridor = corridorOf(found, lo, hi, rounding);
  if (!corridor) return undefined;
  const left = leftShift(corridor);
  return fitLine(corridor, { left, right: rightShift(corridor, left) }, fine);
}

/** The line gives the code of every integer. */
function expectExact(found: Run[], line: Line, lo: number, hi: number, rounding: Rounding): void {
  const op = post(line, lo, hi, rounding);
  for (const { from, to, code } of found) {
    for (let x = from; x <= to; x++) if (requantize(op, 0, x) !== code) expect.fail(`${x}: expected ${code}`);
  }
}

describe("fitLine", () => {
  it("gives a step, a constant and a staircase", () => {
    const sign = [
      { from: -9, to: 2, code: -1 },
      { from: 3, to: 9, code: 0 },
    ];
    expectExact(sign, fitted(sign, -1, 0, "floor", false)!, -1, 0, "floor");
    const constant = [{ from: -9, to: 9, code: 5 }];
    expectExact(constant, fitted(constant, 0, 7, "floor", false)!, 0, 7, "floor");
    const quarters = runs((x) => Math.floor(x / 4), -32, 31, true);
    expectExact(quarters, fitted(quarters, -8, 7, "floor", false)!, -8, 7, "floor");
  });

  it("needs rounding half to even for the ties of a power of two", () => {
    const found = runs((x) => ROUND.ROUND(x / 4), -30, 30, true);
    expect(fitted(found, -8, 8, "floor")).toBeUndefined();
    expectExact(found, fitted(found, -8, 8, "half-even", false)!, -8, 8, "half-even");
  });

  it("bends for no clamp in the middle", () => {
    const found = runs((x) => Math.max(Math.floor(x / 2), 0), -20, 20, true);
    expect(fitted(found, 0, 10, "floor")).toBeDefined();
    expect(fitted(found, -1, 10, "floor")).toBeUndefined();
  });

  it("follows no function that turns back", () => {
    const found = runs((x) => Math.min(Math.abs(x), 2), -5, 5, false);
    expect(fitted(found, 0, 2, "floor")).toBeUndefined();
    expect(fitted(found, 0, 2, "half-even")).toBeUndefined();
  });

  // Real, not y rounded to whole numbers before its bits are: with few of them, half to even makes steps of y that no line makes.
  it.each(["floor", "half-even"] as const)("finds a line wherever one made the codes, %s", (rounding) => {
    const line = fc.record({
      multiplier: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      offset: fc.integer({ min: -(2 ** 20), max: 2 ** 20 }),
      low: fc.constant(0),
      left: fc.constant(21),
      right: fc.integer({ min: 1, max: 22 }),
    });
    const range = fc.tuple(fc.integer({ min: -600, max: 600 }), fc.integer({ min: -600, max: 600 }));
    const clamp = fc.tuple(fc.integer({ min: -128, max: 255 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(line, range, clamp, (made, ends, [lo, width]) => {
        const real = (x: number) => (made.multiplier * x * 2 ** (made.left - 32) + made.offset) / 2 ** made.right;
        const rounded = (x: number) => (rounding === "floor" ? Math.floor(real(x)) : ROUND.ROUND(real(x)));
        const code = (x: number) => Math.min(Math.max(rounded(x), lo), lo + width);
        const found = runs(code, Math.min(...ends), Math.max(...ends), true);
        const line = fitted(found, lo, lo + width, rounding);
        if (!line) return expect.fail("no line");
        expect(line.offset).toBe(line.offset | 0);
        expectExact(found, line, lo, lo + width, rounding);
      }),
      {
        numRuns: 2000,
        examples: [
          // two neighbours on either side of a step bound no slope
          [{ multiplier: 2048, offset: 2038, low: 0, left: 21, right: 3 }, [-18, 0], [252, 1]],
          [{ multiplier: -223449343, offset: -693506, low: 0, left: 21, right: 8 }, [1, -11], [-96, 1]],
          // far from 0, the offset is greater than any y
          [{ multiplier: 215284948, offset: -820247, low: 0, left: 21, right: 8 }, [10, 7], [-118, 2]],
          [{ multiplier: -2906, offset: 1190, low: 0, left: 21, right: 1 }, [179, 458], [236, 53]],
        ],
      },
    );
  });

  it("gives up where 31 bits of multiplier are too coarse", () => {
    const scaledTo = (reach: number, fine: boolean) => {
      const found = runs((x) => Math.floor((x * 127.3) / reach), -reach, reach - 2, true);
      const line = fitted(found, -128, 127, "floor", fine);
      const op = line && post(line, -128, 127, "floor");
      const isRight = ({ from, to, code }: Run) => [from, to].every((x) => requantize(op!, 0, x) === code);
      return op && found.every(isRight);
    };
    expect(scaledTo(2 ** 14, false)).toBe(true);
    expect(scaledTo(2 ** 20, true)).toBe(true);
    expect(scaledTo(2 ** 31 - 1, true)).toBeUndefined();
  });
});
