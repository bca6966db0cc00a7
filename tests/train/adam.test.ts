import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, it } from "vitest";
import { adam, correctedRate, zeroMoments } from "../../tools/train/adam.ts";

beforeAll(async () => {
  await init("wasm");
});

type Point = { x: np.Array };

it("takes steps of the learning rate at first, whatever the gradient", () => {
  const start: Point = { x: np.array([1, 1, 1]) };
  const gradients: Point = { x: np.array([1000, -1e-3, 1]) };
  const { parameters } = adam(start, gradients, zeroMoments(start), np.array(correctedRate(0.1, 1)));
  const [a, b, c] = parameters.x.js() as number[];
  expect(a).toBeCloseTo(0.9, 5);
  expect(b).toBeCloseTo(1.1, 4);
  expect(c).toBeCloseTo(0.9, 5);
});

it("finds the bottom of a bowl", () => {
  const bowl = ({ x }: Point) => np.square(x.sub(np.array([3, -2]))).sum();
  let parameters: Point = { x: np.array([0, 0]).astype(np.float32) };
  let moments = zeroMoments(parameters);
  for (let step = 1; step <= 100; step++) {
    const gradients = grad(bowl)({ x: parameters.x.ref }) as Point;
    ({ parameters, moments } = adam(parameters, gradients, moments, np.array(correctedRate(0.3, step))));
  }
  const [x, y] = parameters.x.js() as number[];
  expect(x).toBeCloseTo(3, 1);
  expect(y).toBeCloseTo(-2, 1);
});
