import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { ap2Of } from "../../../tools/train/layers/ap2.ts";
import { batchNorm, blend, type Norm, shiftBatchNorm } from "../../../tools/train/layers/batch_norm.ts";

beforeAll(async () => {
  await init("wasm");
});

const EPSILON = 1e-4;
const [ROWS, CHANNELS] = [12, 3];

/** What each norm does to a product and to a factor: nothing, or AP2. */
const NORMS: [string, Norm, (x: number) => number][] = [
  ["batchNorm", batchNorm, (x) => x],
  ["shiftBatchNorm", shiftBatchNorm, ap2Of],
];

function samples(seed: number, count: number, spread = 3): number[] {
  const next = mulberry32(seed);
  return Array.from({ length: count }, () => spread * (next() + next() - 1));
}

/** The definition, channel by channel, in float64. */
function defined(x: number[], weight: number[], bias: number[], shift: (x: number) => number): number[] {
  const y = new Array<number>(x.length);
  for (let c = 0; c < CHANNELS; c++) {
    const of = Array.from({ length: ROWS }, (_, row) => x[row * CHANNELS + c]!);
    const mean = of.reduce((sum, each) => sum + each, 0) / ROWS;
    const variance = of.reduce((sum, each) => sum + (each - mean) * shift(each - mean), 0) / ROWS;
    const inverse = shift(1 / Math.sqrt(variance + EPSILON));
    for (const [row, each] of of.entries())
      y[row * CHANNELS + c] = shift(weight[c]!) * (each - mean) * inverse + bias[c]!;
  }
  return y;
}

describe.each(NORMS)("%s", (_, norm, shift) => {
  const x = samples(1, ROWS * CHANNELS);
  const [weight, bias] = [
    [0.7, -1.5, 3],
    [0.25, 0, -1],
  ];

  it.each([[[ROWS, CHANNELS]], [[2, 3, 2, CHANNELS]]])("normalises %j by the statistics of the batch", (shape) => {
    const array = np.array(x).reshape(shape);
    const affine = { weight: np.array(weight), bias: np.array(bias) };
    const found = norm.normalise(array.ref, norm.statistics(array), affine, EPSILON).reshape([-1]).js() as number[];
    const expected = defined(x, weight, bias, shift);
    for (const [i, y] of found.entries()) expect(y).toBeCloseTo(expected[i]!, 4);
  });

  it("is a plain batch norm where the network is used, to the bit", () => {
    const statistics = { mean: [0.3, -0.1, 2], variance: [0.7, 0.00003, 40] };
    const arrays = () => ({ mean: np.array(statistics.mean), variance: np.array(statistics.variance) });
    const affine = (weights: number[]) => ({ weight: np.array(weights), bias: np.array(bias) });
    const array = np.array(x).reshape([ROWS, CHANNELS]);
    const trained = norm.normalise(array.ref, arrays(), affine(weight), EPSILON).js();
    const plain = weight.map((each, c) => norm.plain(Math.fround(each), Math.fround(statistics.variance[c]!), EPSILON));
    const variance = np.array(plain.map((channel) => channel.variance));
    const { epsilon } = plain[0]!;
    const weights = plain.map((channel) => channel.weight);
    expect(
      batchNorm.normalise(array, { mean: np.array(statistics.mean), variance }, affine(weights), epsilon).js(),
    ).toEqual(trained);
  });

  it("has the gradient of a batch norm, in which the mean and the size of x do not matter", () => {
    const of = (x: np.Array) => {
      const statistics = norm.statistics(x.ref);
      const y = norm.normalise(x, statistics, { weight: undefined, bias: undefined }, 0);
      return y.mul(np.array(samples(2, ROWS * CHANNELS)).reshape([ROWS, CHANNELS])).sum();
    };
    const gradient = grad(of)(np.array(x).reshape([ROWS, CHANNELS])) as np.Array;
    const sums = gradient.ref.sum(0).js() as number[];
    for (const sum of sums) expect(Math.abs(sum)).toBeLessThan(norm === batchNorm ? 1e-4 : 1.5); // exactly 0 without shifts
    expect((np.abs(gradient).max().js() as number) > 0.01).toBe(true);
  });
});

it("squares by shifts: the mean of C · AP2(C) is 1.017 for a normal distribution", () => {
  const next = mulberry32(3);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const { variance } = shiftBatchNorm.statistics(
    np.array(Float32Array.from({ length: 200_000 }, normal)).reshape([-1, 1]),
  );
  expect(Math.abs((variance.js() as number[])[0]! - 1.017)).toBeLessThan(0.01);
});

it("keeps nine tenths of the running averages", () => {
  const running = { mean: np.array([1]), variance: np.array([2]) };
  const { mean, variance } = blend(running, { mean: np.array([11]), variance: np.array([12]) });
  expect((mean.js() as number[])[0]).toBeCloseTo(2, 5);
  expect((variance.js() as number[])[0]).toBeCloseTo(3, 5);
});
