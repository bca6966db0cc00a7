import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitLine, type Line } from "../../host/lower/line.ts";
import { type Run, runs } from "../../host/lower/runs.ts";
import { requantize } from "../../host/numbers/requantize.ts";
import { ROUND } from "../../host/numbers/round.ts";
import type { Requantize } from "../../host/program.ts";

type Rounding = Requantize["rounding"];

const post = ({ multiplier, offset, shift }: Line, lo: number, hi: number, rounding: Rounding): Requantize => ({
  kind: "requantize",
  records: 1,
  multiplier: Int32Array.of(multiplier),
  offset: BigInt64Array.of(offset),
  shift: Uint8Array.of(shift),
  lo,
  hi,
  rounding,
});

/** The line gives the code of every integer. */
function expectExact(found: Run[], line: Line, lo: number, hi: number, rounding: Rounding): void {
  const op = post(line, lo, hi, rounding);
  for (const { from, to, code } of found) {
    for (let x = from; x <= to; x++) if (requantize(op, 0, x) !== code) expect.fail(`${x}: expected ${code}`);
  }
}

describe("fitLine", () => {
  it("finds the simplest line", () => {
    const sign = [
      { from: -9, to: 2, code: -1 },
      { from: 3, to: 9, code: 0 },
    ];
    expect(fitLine(sign, -1, 0, "floor")).toEqual({ multiplier: 1, offset: -3n, shift: 0 });
    expect(fitLine([{ from: -9, to: 9, code: 5 }], 0, 7, "floor")).toEqual({ multiplier: 0, offset: 5n, shift: 0 });
    const quarters = runs((x) => Math.floor(x / 4), -32, 31, true);
    expect(fitLine(quarters, -8, 7, "floor")).toEqual({ multiplier: 1, offset: 0n, shift: 2 });
  });

  it("needs rounding half to even for the ties of a power of two", () => {
    const found = runs((x) => ROUND.ROUND(x / 4), -30, 30, true);
    expect(fitLine(found, -8, 8, "floor")).toBeUndefined();
    expect(fitLine(found, -8, 8, "half-even")).toEqual({ multiplier: 1, offset: 0n, shift: 2 });
  });

  it("bends for no clamp in the middle", () => {
    const found = runs((x) => Math.max(Math.floor(x / 2), 0), -20, 20, true);
    expect(fitLine(found, 0, 10, "floor")).toBeDefined();
    expect(fitLine(found, -1, 10, "floor")).toBeUndefined();
  });

  it("follows no function that turns back", () => {
    const found = runs((x) => Math.min(Math.abs(x), 2), -5, 5, false);
    expect(fitLine(found, 0, 2, "floor")).toBeUndefined();
    expect(fitLine(found, 0, 2, "half-even")).toBeUndefined();
  });

  it.each(["floor", "half-even"] as const)("finds a line wherever one made the codes, %s", (rounding) => {
    const line = fc.record({
      multiplier: fc.integer({ min: -(2 ** 20), max: 2 ** 20 }),
      offset: fc.bigInt({ min: -(1n << 24n), max: 1n << 24n }),
      shift: fc.integer({ min: 0, max: 22 }),
    });
    const range = fc.tuple(fc.integer({ min: -600, max: 600 }), fc.integer({ min: -600, max: 600 }));
    const clamp = fc.tuple(fc.integer({ min: -128, max: 255 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(line, range, clamp, (made, ends, [lo, width]) => {
        const op = post(made, lo, lo + width, rounding);
        const found = runs((x) => requantize(op, 0, x), Math.min(...ends), Math.max(...ends), true);
        const fit = fitLine(found, lo, lo + width, rounding);
        if (!fit) expect.fail("no line found");
        expect(fit.shift).toBeLessThanOrEqual(Math.max(made.shift, 1));
        expect(Math.abs(fit.multiplier)).toBeLessThanOrEqual(Math.max(2 * Math.abs(made.multiplier), 2));
        expectExact(found, fit, lo, lo + width, rounding);
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps sums below 2^62, and gives up where 31 bits of multiplier are too coarse", () => {
    const scaledTo = (reach: number) => {
      const code = (x: number) => Math.floor((x * 127.3) / reach);
      const found = runs(code, -reach, reach - 2, true);
      return { found, line: fitLine(found, -128, 127, "floor") };
    };
    const { found, line } = scaledTo(2 ** 20);
    for (const x of [-(2n ** 20n), 2n ** 20n]) {
      const sum = x * BigInt(line!.multiplier) + line!.offset;
      expect(sum < 1n << 62n && sum > -(1n << 62n)).toBe(true);
    }
    const op = post(line!, -128, 127, "floor");
    for (const { from, to, code } of found) expect([from, to].map((x) => requantize(op, 0, x))).toEqual([code, code]);
    expect(scaledTo(2 ** 31).line).toBeUndefined();
  });
});
