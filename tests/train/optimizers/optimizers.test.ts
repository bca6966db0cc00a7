import { init, jit, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { adam } from "../../../tools/train/optimizers/adam.ts";
import { clipWeights } from "../../../tools/train/optimizers/clip.ts";
import { glorotBound, glorotRate } from "../../../tools/train/optimizers/glorot.ts";
import type { Optimizer } from "../../../tools/train/optimizers/optimizer.ts";
import { shiftAdamax } from "../../../tools/train/optimizers/shift_adamax.ts";

beforeAll(async () => {
  await init("wasm");
});

const powerOfTwo = (x: number) => Math.sign(x) * 2 ** Math.round(Math.log2(Math.abs(x)));

/** One parameter in float64: the step of update t, from the gradients up to then. */
const DEFINED: [string, Optimizer, (gradients: number[], learningRate: number) => number][] = [
  [
    "adam",
    adam,
    (gradients, learningRate) => {
      const t = gradients.length;
      const m = gradients.reduce((mean, g) => 0.9 * mean + 0.1 * g, 0);
      const v = gradients.reduce((mean, g) => 0.999 * mean + 0.001 * g * g, 0);
      return (((learningRate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t)) * m) / (Math.sqrt(v) + 1e-8);
    },
  ],
  [
    "shiftAdamax",
    shiftAdamax,
    (gradients, learningRate) => {
      const m = gradients.reduce((mean, g) => (1 - 2 ** -3) * mean + 2 ** -3 * g, 0);
      const v = gradients.reduce((most, g) => Math.max((1 - 2 ** -10) * most, Math.abs(g)), 0);
      return powerOfTwo(learningRate / (1 - (1 - 2 ** -3) ** gradients.length)) * m * powerOfTwo(1 / (v + 2 ** -27));
    },
  ],
];

describe.each(DEFINED)("%s", (_, optimizer, defined) => {
  it("takes the steps of the definition", () => {
    const step = jit(optimizer.step);
    for (const size of [1e-3, 1, 300]) {
      const next = mulberry32(size);
      const gradients: number[] = [];
      let [first, second] = [np.zeros([1]), np.zeros([1])];
      for (let t = 1; t <= 20; t++) {
        gradients.push(Math.fround(size * (next() - 0.4)));
        const update = step(np.array([gradients.at(-1)!]), first, second, np.array(optimizer.rate(0.01, t)));
        [first, second] = [update.first, update.second];
        const [found] = update.step.js() as number[];
        expect(found! / defined(gradients, 0.01), `step ${t}`).toBeCloseTo(1, 3);
      }
    }
  });

  it("stays where there is no gradient", () => {
    const { step, first, second } = optimizer.step(np.zeros([2]), np.zeros([2]), np.zeros([2]), np.array(0.01));
    for (const array of [step, first, second]) expect(array.js()).toEqual([0, 0]);
  });
});

it("has shifts alone for factors of shift-based AdaMax", () => {
  for (let step = 1; step < 40; step++) expect(Number.isInteger(Math.log2(shiftAdamax.rate(0.0123, step)))).toBe(true);
});

it("clips latent weights to [−1, 1]", () => {
  expect(clipWeights(np.array([-2, -1, -0.5, 0, 1, 1.25])).js()).toEqual([-1, -1, -0.5, 0, 1, 1]);
});

it("has Glorot's bound of first weights, and the deviation that they would have as the rate of binary ones", () => {
  const fans = { inputs: 784, outputs: 256 };
  expect(glorotBound(fans)).toBeCloseTo(0.0759555, 6);
  expect(glorotRate(fans)).toBeCloseTo(26.3312, 3);
});
