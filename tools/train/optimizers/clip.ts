import { numpy as np } from "@jax-js/jax";

/** Latent weights stay in [−1, 1]: beyond, they would grow without any effect on their signs (arXiv 1602.02830, section 1.3). */
export function clipWeights(weights: np.Array): np.Array {
  return np.clip(weights, -1, 1);
}
