import { lax, numpy as np } from "@jax-js/jax";

/**
 * A tensor as whole numbers times one scale: real value = codes · scale. Codes are held in f32, so that products and sums
 * of them are exact (below 2^24) and training sees the integers that the converted network will compute.
 *
 * jax-js counts references: a function consumes each array that it is given, once; `.ref` keeps one for another use.
 */
export type Quantized = { codes: np.Array; scale: np.Array };

/** Value of `hard`, gradient of `soft`: the straight-through estimator. `soft − soft` is 0, so no rounding error creeps in. */
export function straightThrough(soft: np.Array, hard: np.Array): np.Array {
  return lax.stopGradient(hard).add(soft.ref.sub(lax.stopGradient(soft)));
}

/** Mean of |w|, kept away from zero (BitNet b1.58, arXiv 2402.17764, and its FAQ). No gradient passes. */
function absMean(weights: np.Array): np.Array {
  return np.maximum(np.abs(lax.stopGradient(weights)).mean(), 1e-5);
}

/** BitNet b1.58: γ = mean|w|, code = clip(round(w / γ), −1, 1). The gradient passes as if nothing was rounded or clipped. */
export function ternaryWeights(weights: np.Array): Quantized {
  const scale = absMean(weights.ref);
  const soft = weights.div(scale.ref);
  return { codes: straightThrough(soft.ref, np.clip(np.round(soft), -1, 1)), scale };
}

/** XNOR-Net (arXiv 1603.05279) with one scale for the tensor: β = mean|w|, code = sign(w), sign(0) = +1. */
export function binaryWeights(weights: np.Array): Quantized {
  const scale = absMean(weights.ref);
  const soft = weights.div(scale.ref);
  return { codes: straightThrough(soft.ref, sign(soft)), scale };
}

/**
 * ReLU to unsigned codes of `bits` bits that cover [0, 2). The scale is fixed: the batch norm in front can stretch and
 * shift its channels at will, so a learned scale would add nothing. The gradient is that of the clip.
 */
export function quantizedRelu(x: np.Array, bits: number): Quantized {
  const scale = reluScale(bits);
  const soft = np.clip(x.div(scale), 0, 2 ** bits - 1);
  return { codes: straightThrough(soft.ref, np.round(soft)), scale: np.array(scale) };
}

/** Real value of one code step of `quantizedRelu`: a power of two, exact in every float format. */
export function reluScale(bits: number): number {
  return 2 ** (1 - bits);
}

/** BNN (arXiv 1602.02830): ±1, sign(0) = +1; the gradient passes where |x| ≤ 1. */
export function signActivation(x: np.Array): Quantized {
  return { codes: straightThrough(np.clip(x.ref, -1, 1), sign(x)), scale: np.array(1) };
}

function sign(x: np.Array): np.Array {
  return np.where(np.greaterEqual(x, 0), 1, -1);
}
