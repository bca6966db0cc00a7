import { expect, it } from "vitest";
import { leastSquares } from "../../tools/rigs/least_squares.ts";

it("finds the coefficients that values were made from, and the closest to others by their relative error", () => {
  const terms = [1, 2, 5, 9, 30].flatMap((x) => [2, 7, 100].map((y) => [1, x, x * y]));
  const made = leastSquares(
    terms,
    terms.map(([, x, xy]) => 300 + 20 * x! + 7 * xy!),
  );
  for (const [i, coefficient] of [300, 20, 7].entries()) expect(made[i]).toBeCloseTo(coefficient, 3);
  const [mean] = leastSquares([[1], [1]], [10, 30]); // of ((c − 10) / 10)² + ((c − 30) / 30)², the least
  expect(mean).toBeCloseTo(12, 5);
});

it("stands terms that tell the same", () => {
  const [a, b] = leastSquares(
    [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
    [10, 20, 30],
  );
  expect(a! + b!).toBeCloseTo(10, 5);
});
