import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, it } from "vitest";
import { crossEntropy, type Loss, squaredHinge } from "../../tools/train/loss.ts";

beforeAll(async () => {
  await init("wasm");
});

const SCORES = [
  [2, -1.5, 0.25],
  [-0.5, 0.5, -3],
];
const LABELS = [0, 2];

/** The definitions, in float64. */
const DEFINED: [string, Loss, (scores: number[][], labels: number[]) => number][] = [
  [
    "squaredHinge",
    squaredHinge,
    (scores, labels) => {
      const each = scores.flatMap((row, n) => row.map((y, c) => Math.max(0, 1 - (labels[n] === c ? 1 : -1) * y) ** 2));
      return each.reduce((sum, cost) => sum + cost, 0) / each.length;
    },
  ],
  [
    "crossEntropy",
    crossEntropy,
    (scores, labels) => {
      const each = scores.map((row, n) => Math.log(row.reduce((sum, y) => sum + Math.exp(y), 0)) - row[labels[n]!]!);
      return each.reduce((sum, cost) => sum + cost, 0) / each.length;
    },
  ],
];

it("is 0 for scores beyond the margin, and (1 + 1.5²) / 2 for one at it and one beyond it on the wrong side", () => {
  expect(squaredHinge(np.array([[1, -2]]), np.array(Int32Array.of(0))).js()).toBe(0);
  expect(squaredHinge(np.array([[0, 0.5]]), np.array(Int32Array.of(0))).js()).toBe((1 + 1.5 ** 2) / 2);
});

it.each(DEFINED)("%s is its definition, and so is its gradient", (_, loss, defined) => {
  const labels = () => np.array(Int32Array.from(LABELS));
  expect(loss(np.array(SCORES), labels()).js()).toBeCloseTo(defined(SCORES, LABELS), 5);
  const gradient = grad((scores: np.Array) => loss(scores, labels()))(np.array(SCORES)).js() as number[][];
  for (const [n, row] of gradient.entries()) {
    for (const [c, g] of row.entries()) {
      const moved = (by: number) => SCORES.map((scores, i) => scores.map((y, j) => (i === n && j === c ? y + by : y)));
      expect(g).toBeCloseTo((defined(moved(1e-4), LABELS) - defined(moved(-1e-4), LABELS)) / 2e-4, 4);
    }
  }
});
