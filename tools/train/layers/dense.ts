import { numpy as np } from "@jax-js/jax";
import type { Quantized } from "./quantized.ts";

/** x (N, K) times weights (M, K) transposed: exact integers where both are codes, scaled once. */
export function dense(x: Quantized, weights: Quantized): np.Array {
  return np.matmul(x.codes, weights.codes.transpose()).mul(x.scale.mul(weights.scale));
}
