import { lax, type numpy as np } from "@jax-js/jax";

/**
 * A tensor as whole numbers times a scale: real value = codes · scale, which is one number or one for each entry of the codes' last axis.
 * Codes are held in f32, so that products and sums of them are exact (below 2^24) and training sees the integers that the converted network
 * will compute. Where a layer has none, codes are the real values and the scale is 1.
 *
 * jax-js counts references: a function consumes each array that it is given, once; `.ref` keeps one for another use.
 */
export type Quantized = { codes: np.Array; scale: np.Array };

/** codes · scale. */
export function real({ codes, scale }: Quantized): np.Array {
  return codes.mul(scale);
}

/**
 * Value of `hard`, gradient of `soft`: the straight-through estimator (arXiv 1308.3432, section 4). `soft − soft` is 0, so no rounding
 * error creeps in.
 */
export function straightThrough(soft: np.Array, hard: np.Array): np.Array {
  return lax.stopGradient(hard).add(soft.ref.sub(lax.stopGradient(soft)));
}
