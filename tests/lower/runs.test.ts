import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../host/lower/runs.ts";

it.each<[string, (x: number) => number, boolean]>([
  ["constant", () => 4, true],
  ["rising", (x) => Math.floor(x / 3), true],
  ["falling by jumps", (x) => (x < 0 ? 9 : x < 5 ? 2 : -8), true],
  ["up and down", (x) => Math.min(x * x, 20), false],
])("finds the runs of a %s function", (_, code, monotone) => {
  const found = runs(code, -10, 10, monotone);
  expect(found[0]!.from).toBe(-10);
  expect(found.at(-1)!.to).toBe(10);
  found.forEach((run, i) => {
    for (let x = run.from; x <= run.to; x++) expect(code(x)).toBe(run.code);
    if (i > 0) expect([run.from, run.code === found[i - 1]!.code]).toEqual([found[i - 1]!.to + 1, false]);
  });
});

it("bisects what it would find one by one", () => {
  const steps = fc.array(fc.integer({ min: -500, max: 500 }), { maxLength: 9 });
  fc.assert(
    fc.property(steps, fc.constantFrom(1, -1), (places, sign) => {
      const code = (x: number) => sign * places.filter((place) => x >= place).length;
      expect(runs(code, -400, 450, true)).toEqual(runs(code, -400, 450, false));
    }),
  );
});

it("bisects all 32 bits", () => {
  expect(runs((x) => (x >= 7 ? 1 : 0), -(2 ** 31), 2 ** 31 - 2, true).map(({ from }) => from)).toEqual([-(2 ** 31), 7]);
});
