import { grad, init, jit, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, it } from "vitest";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { ap2, ap2Of, powerOfTwo } from "../../../tools/train/layers/ap2.ts";

beforeAll(async () => {
  await init("wasm");
});

it("is the nearest power of two, with the sign", () => {
  const x = [0, 0.7, 0.75, 1.4, 1.5, 3, -5, 6, 2 ** -40, -(2 ** 40)];
  const expected = [0, 0.5, 1, 1, 2, 4, -4, 8, 2 ** -40, -(2 ** 40)];
  expect(powerOfTwo(np.array(x)).js()).toEqual(expected);
  expect(x.map(ap2Of)).toEqual(expected);
});

const FLOATS = 20_000;

it("is 2^round(log2|x|) for floats of all sizes, within √2 of them", () => {
  const next = mulberry32(1);
  const near = [Math.fround(Math.SQRT2), Math.fround(Math.SQRT2 + 2 ** -23), Math.fround(Math.SQRT1_2)];
  const random = Array.from({ length: FLOATS }, () => (next() - 0.5) * 2 ** Math.floor(80 * next() - 40));
  const x = Float32Array.from([...near, ...near.map((each) => each * 2 ** 10), ...random]);
  const found = jit(powerOfTwo)(np.array(x)).js() as number[];
  for (const [i, each] of x.entries()) {
    expect(found[i], `${each}`).toBe(Math.sign(each) * 2 ** Math.round(Math.log2(Math.abs(each))));
    if (each !== 0) {
      expect(found[i]! / each).toBeGreaterThanOrEqual(Math.SQRT1_2 * (1 - 1e-7));
      expect(found[i]! / each).toBeLessThanOrEqual(Math.SQRT2 * (1 + 1e-7));
    }
  }
});

it("passes the gradient as if nothing was rounded; its power of two alone passes none", () => {
  expect(grad((x: np.Array) => np.square(ap2(x)).sum())(np.array([3, -5])).js()).toEqual([8, -8]); // 2 · AP2(x)
  expect(grad((x: np.Array) => powerOfTwo(x).sum())(np.array([3, -5])).js()).toEqual([0, 0]);
});
