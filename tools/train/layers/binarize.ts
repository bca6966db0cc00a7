import { numpy as np, random } from "@jax-js/jax";
import { straightThrough } from "./quantized.ts";

// Binarized Neural Networks (arXiv 1602.02830), section 1.

/**
 * ±1 of real numbers of any shape; the gradient is that of hard tanh, 1 where |x| ≤ 1, else 0 (section 1.3). `key` gives one that is to draw
 * the key to draw by, and none where a network is tested.
 */
export type Binarization = (x: np.Array, key: () => np.Array | undefined) => np.Array;

/** Equation 1: +1 where x ≥ 0, else −1. */
export function binarize(x: np.Array): np.Array {
  return straightThrough(hardTanh(x.ref), sign(x));
}

/**
 * Equation 2: +1 with probability clip((x + 1) / 2, 0, 1), else −1, so that its mean is hard tanh. Where a
 * network is tested, it is equation 1.
 */
export function stochasticBinarize(x: np.Array, key: () => np.Array | undefined): np.Array {
  const drawBy = key();
  if (drawBy === undefined) return binarize(x);
  const probability = np.clip(x.ref.add(1).mul(0.5), 0, 1);
  const drawn = np.where(np.less(random.uniform(drawBy, x.shape), probability), 1, -1);
  return straightThrough(hardTanh(x), drawn);
}

export function hardTanh(x: np.Array): np.Array {
  return np.clip(x, -1, 1);
}

function sign(x: np.Array): np.Array {
  return np.where(np.greaterEqual(x, 0), 1, -1);
}
