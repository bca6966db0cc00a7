import { numpy as np } from "@jax-js/jax";
import type { PaddedWindow } from "../../../host/graph/ops/window.ts";
import type { Quantized } from "./quantized.ts";
import { taps } from "./window.ts";

/**
 * Convolution of x (N, H, W, C) by weights (M, C, height, width) to (N, rows, columns, M): for each tap of the window a matrix product with the
 * pictures shifted by it. (jax-js' own convolution takes some fifty times as long.)
 */
export function conv2d(x: Quantized, weights: Quantized, window: PaddedWindow, size: readonly number[]): np.Array {
  const [outputs, inputs] = weights.codes.shape as [number, number];
  const [count] = x.codes.shape as [number];
  const sums = overTaps(x, weights, window, size, (seen, kernel) => {
    return np.matmul(seen.reshape([-1, inputs]), kernel.transpose());
  });
  return sums.mul(x.scale.mul(weights.scale)).reshape([count, ...size, outputs]);
}

/** The same for each channel by itself: weights (C, 1, height, width). */
export function depthwise(x: Quantized, weights: Quantized, window: PaddedWindow, size: readonly number[]): np.Array {
  const sums = overTaps(x, weights, window, size, (seen, kernel) => seen.mul(kernel.reshape([-1])));
  return sums.mul(x.scale.mul(weights.scale));
}

/** The sum over the taps of what `product` makes of what a tap sees and of its weights (M, C). Consumes the codes, not the scales. */
function overTaps(
  x: Quantized,
  { codes }: Quantized,
  window: PaddedWindow,
  size: readonly number[],
  product: (seen: np.Array, kernel: np.Array) => np.Array,
): np.Array {
  const seen = taps(x.codes, window, size);
  const sums = seen.map((each, tap) => {
    const [ky, kx] = [Math.floor(tap / window.kernelWidth), tap % window.kernelWidth];
    return product(each, codes.ref.slice([], [], ky, kx));
  });
  codes.dispose();
  return sums.reduce((sum, each) => sum.add(each));
}
