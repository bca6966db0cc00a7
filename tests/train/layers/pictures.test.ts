import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { type PaddedWindow, windowSize } from "../../../host/graph/ops/window.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { conv2d, depthwise } from "../../../tools/train/layers/conv2d.ts";
import { avgpool, globalAvgpool, globalMaxpool, maxpool } from "../../../tools/train/layers/pool.ts";
import { real } from "../../../tools/train/layers/quantized.ts";
import { shortcut } from "../../../tools/train/layers/shortcut.ts";

beforeAll(async () => {
  await init("wasm");
});

const [N, H, W, C, M] = [2, 6, 7, 3, 4];

const windowOf = (kernel: number[], stride: number[], dilation: number[], pads: number[]): PaddedWindow => ({
  ...{ kernelHeight: kernel[0]!, strideY: stride[0]!, dilationY: dilation[0]!, padTop: pads[0]!, padBottom: pads[2]! },
  ...{ kernelWidth: kernel[1]!, strideX: stride[1]!, dilationX: dilation[1]!, padLeft: pads[1]!, padRight: pads[3]! },
});

const WINDOWS: [string, PaddedWindow][] = [
  ["1 × 1", windowOf([1, 1], [1, 1], [1, 1], [0, 0, 0, 0])],
  ["3 × 3, padded", windowOf([3, 3], [1, 1], [1, 1], [1, 1, 1, 1])],
  ["3 × 2 in steps of 2 and 3", windowOf([3, 2], [2, 3], [1, 1], [0, 0, 0, 0])],
  ["3 × 3 in steps of 2, padded on one side", windowOf([3, 3], [2, 2], [1, 1], [1, 0, 0, 1])],
  ["2 × 3, dilated", windowOf([2, 3], [1, 1], [3, 2], [0, 1, 0, 1])],
  ["4 × 4 in steps of 4", windowOf([4, 4], [4, 4], [1, 1], [1, 1, 1, 0])],
];

/** Whole numbers: sums of products are exact. */
function whole(seed: number, count: number): Float32Array {
  const next = mulberry32(seed);
  return Float32Array.from({ length: count }, () => Math.floor(15 * next()) - 7);
}

const X = whole(1, N * H * W * C);
const at = (n: number, y: number, x: number, c: number) =>
  y < 0 || x < 0 || y >= H || x >= W ? 0 : X[((n * H + y) * W + x) * C + c]!;
const pictures = () => ({ codes: np.array(X, { shape: [N, H, W, C] }), scale: np.array(0.5) });

/** What `visit` gives for every place of a window, in order. */
function scan(size: number[], visit: (n: number, row: number, column: number) => number[]): number[] {
  const all: number[] = [];
  for (let n = 0; n < N; n++) {
    for (let row = 0; row < size[0]!; row++)
      for (let column = 0; column < size[1]!; column++) all.push(...visit(n, row, column));
  }
  return all;
}

function seen(window: PaddedWindow, n: number, row: number, column: number, c: number): number[] {
  const values: number[] = [];
  for (let ky = 0; ky < window.kernelHeight; ky++) {
    for (let kx = 0; kx < window.kernelWidth; kx++) {
      const y = row * window.strideY + ky * window.dilationY - window.padTop;
      const x = column * window.strideX + kx * window.dilationX - window.padLeft;
      values.push(at(n, y, x, c));
    }
  }
  return values;
}

describe.each(WINDOWS)("%s", (_, window) => {
  const { height, width } = windowSize(window, { channels: C, height: H, width: W });
  const size = [height, width];
  const taps = window.kernelHeight * window.kernelWidth;
  const kernel = [window.kernelHeight, window.kernelWidth];
  const sum = (values: number[]) => values.reduce((total, each) => total + each, 0);

  it("convolves", () => {
    const weights = whole(2, M * C * taps);
    const scale = [0.25, 0.5, 1, 2];
    const quantized = { codes: np.array(weights, { shape: [M, C, ...kernel] }), scale: np.array(scale) };
    const found = conv2d(pictures(), quantized, window, size);
    expect(found.shape).toEqual([N, ...size, M]);
    const expected = scan(size, (n, row, column) =>
      scale.map((s, m) => {
        const products = Array.from({ length: C }, (_, c) =>
          sum(seen(window, n, row, column, c).map((x, tap) => x * weights[(m * C + c) * taps + tap]!)),
        );
        return sum(products) * 0.5 * s;
      }),
    );
    expect(found.reshape([-1]).js()).toEqual(expected);
  });

  it("has the gradient of a convolution", () => {
    const weights = np.array(whole(2, M * C * taps), { shape: [M, C, ...kernel] });
    const factors = whole(3, N * height * width * M);
    const total = (w: np.Array) => {
      const y = conv2d(pictures(), { codes: w, scale: np.array(1) }, window, size);
      return y.mul(np.array(factors, { shape: [N, height, width, M] })).sum();
    };
    const gradient = (grad(total)(weights) as np.Array).reshape([-1]).js() as number[];
    for (const [i, g] of gradient.entries()) {
      const [m, c, tap] = [Math.floor(i / (C * taps)), Math.floor(i / taps) % C, i % taps];
      const place = { at: m };
      const parts = scan(size, (n, row, column) => {
        const factor = factors[place.at]!;
        place.at += M;
        return [0.5 * factor * seen(window, n, row, column, c)[tap]!];
      });
      expect(g).toBe(sum(parts));
    }
  });

  it("convolves each channel by itself", () => {
    const weights = whole(4, C * taps);
    const quantized = { codes: np.array(weights, { shape: [C, 1, ...kernel] }), scale: np.array([2]) };
    const expected = scan(size, (n, row, column) =>
      Array.from({ length: C }, (_, c) =>
        sum(seen(window, n, row, column, c).map((x, tap) => x * weights[c * taps + tap]!)),
      ),
    );
    const found = depthwise(pictures(), quantized, window, size).reshape([-1]).js() as number[];
    expect(found.map((y) => y + 0)).toEqual(expected); // +0 for −0
  });

  it("averages, zeros of the padding included", () => {
    const expected = scan(size, (n, row, column) =>
      Array.from({ length: C }, (_, c) => (0.5 * sum(seen(window, n, row, column, c))) / taps),
    );
    const found = real(avgpool(pictures(), window, size))
      .reshape([-1])
      .js() as number[];
    for (const [i, y] of found.entries()) expect(y).toBeCloseTo(expected[i]!, 5);
  });
});

const UNPADDED = WINDOWS.filter(
  ([, { padTop, padLeft, padBottom, padRight }]) => padTop + padLeft + padBottom + padRight === 0,
);

it.each(UNPADDED)("%s: takes the greatest", (_, window) => {
  const { height, width } = windowSize(window, { channels: C, height: H, width: W });
  const size = [height, width];
  const expected = scan(size, (n, row, column) =>
    Array.from({ length: C }, (_, c) => 0.5 * Math.max(...seen(window, n, row, column, c))),
  );
  expect(
    real(maxpool(pictures(), window, size))
      .reshape([-1])
      .js(),
  ).toEqual(expected);
});

it("pools whole pictures", () => {
  const all = (n: number, c: number) => Array.from({ length: H * W }, (_, i) => at(n, Math.floor(i / W), i % W, c));
  const each = (of: (values: number[]) => number) =>
    Array.from({ length: N }, (_, n) => [[Array.from({ length: C }, (_, c) => 0.5 * of(all(n, c)))]]);
  expect(real(globalMaxpool(pictures())).js()).toEqual(each((values) => Math.max(...values)));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / (H * W);
  const found = (real(globalAvgpool(pictures())).js() as number[][][][]).flat(3);
  for (const [i, y] of found.entries()) expect(y).toBeCloseTo(each(mean).flat(3)[i]!, 5);
});

it("takes every so many positions past a block, among channels of zeros", () => {
  const window = windowOf([1, 1], [2, 3], [1, 1], [0, 0, 0, 0]);
  const found = real(shortcut(pictures(), window, [3, 3], 1))
    .reshape([-1])
    .js();
  expect(found).toEqual(
    scan([3, 3], (n, row, column) => [0, ...[0, 1, 2].map((c) => 0.5 * at(n, 2 * row, 3 * column, c)), 0]),
  );
});
