import { numpy as np } from "@jax-js/jax";
import type { PaddedWindow } from "../../../host/graph/ops/window.ts";
import type { Quantized } from "./quantized.ts";
import { taps } from "./window.ts";

// Pools of pictures (N, H, W, C). A window without padding: zeros are no part of a maximum.

export function maxpool({ codes, scale }: Quantized, window: PaddedWindow, size: readonly number[]): Quantized {
  return { codes: taps(codes, window, size).reduce((most, each) => np.maximum(most, each)), scale };
}

/** Sums of codes; the divisor is part of the scale. Zeros of the padding count. */
export function avgpool({ codes, scale }: Quantized, window: PaddedWindow, size: readonly number[]): Quantized {
  const sum = taps(codes, window, size).reduce((sum, each) => sum.add(each));
  return { codes: sum, scale: scale.div(window.kernelHeight * window.kernelWidth) };
}

/** Over whole pictures, to (N, 1, 1, C). */
export function globalMaxpool({ codes, scale }: Quantized): Quantized {
  return { codes: np.max(codes, [1, 2], { keepdims: true }), scale };
}

export function globalAvgpool({ codes, scale }: Quantized): Quantized {
  const [, height, width] = codes.shape as [number, number, number];
  return { codes: np.sum(codes, [1, 2], { keepdims: true }), scale: scale.div(height * width) };
}
