import { grad, init, numpy as np, random } from "@jax-js/jax";
import { beforeAll, expect, it } from "vitest";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { type Binarization, binarize, stochasticBinarize } from "../../../tools/train/layers/binarize.ts";
import { seedCount } from "../../seeds.ts";

beforeAll(async () => {
  await init("wasm");
});

const X = [-3, -1.001, -1, -0.5, -1e-30, -0, 0, 0.25, 1, 1.5];
const never = () => undefined;
const keyOf = (seed: number) => () => random.key(np.array(seed, { dtype: np.uint32 }));

it("is +1 from 0 on, else −1", () => {
  expect(binarize(np.array(X)).js()).toEqual([-1, -1, -1, -1, -1, 1, 1, 1, 1, 1]);
});

it.each<[string, Binarization]>([
  ["deterministic", binarize],
  ["stochastic", stochasticBinarize],
])("%s: the gradient passes where |x| ≤ 1", (_, binarization) => {
  const seen = grad((x: np.Array) => binarization(x, keyOf(1)).mul(np.arange(X.length).add(1)).sum());
  expect(seen(np.array(X)).js()).toEqual(X.map((x, i) => (Math.abs(x) <= 1 ? i + 1 : 0)));
});

const DRAWS = 4096;

it(`drawn by ${seedCount(50)} keys, is ±1 and hard tanh in the mean`, () => {
  const next = mulberry32(1);
  for (let seed = 0; seed < seedCount(50); seed++) {
    const x = 3 * next() - 1.5;
    const drawn = stochasticBinarize(np.full([DRAWS], x), keyOf(seed)).js() as number[];
    expect(new Set(drawn.map(Math.abs))).toEqual(new Set([1]));
    const mean = drawn.reduce((sum, each) => sum + each, 0) / DRAWS;
    expect(Math.abs(mean - Math.min(Math.max(x, -1), 1)), `x = ${x}`).toBeLessThanOrEqual(4 / Math.sqrt(DRAWS));
  }
});

it("is never drawn the wrong way beyond ±1, and is the sign where a network is tested", () => {
  const x = np.array([-1.5, -1, 1, 1.5]);
  for (let seed = 0; seed < 20; seed++) {
    expect(stochasticBinarize(x.ref, keyOf(seed)).js()).toEqual([-1, -1, 1, 1]);
  }
  expect(stochasticBinarize(np.array(X), never).js()).toEqual(binarize(np.array(X)).js());
});
