import { lax, numpy as np } from "@jax-js/jax";
import { isHalf, limitOf, type WholeQuantizer } from "../../../host/checkpoint/arch/quantize.ts";
import type { Binarization } from "./binarize.ts";
import { type Quantized, straightThrough } from "./quantized.ts";

/** Keeps a measured scale away from 0. */
const LEAST_SCALE = 1e-5;

/**
 * Codes of latent weights, outputs first, as docs/arch.md defines them. Scales are measured without a gradient. That of the codes passes as
 * if nothing was rounded or clipped; that of ±1 by the binarization's own rule.
 */
export function quantizeWeights(
  weights: np.Array,
  quantizer: WholeQuantizer | undefined,
  binarization: Binarization,
  key: () => np.Array | undefined,
): Quantized {
  if (quantizer === undefined) return { codes: weights, scale: np.array(1) };
  const { as, centred } = quantizer;
  if (as === "codes") throw new Error("the trainer plans no layer of given codes");
  const scale = scaleOf(weights.ref, quantizer);
  if (centred) weights = weights.ref.sub(lax.stopGradient(weights.mean()));
  const rows = scale.ref.reshape([-1, ...weights.shape.slice(1).map(() => 1)]); // one for each output, or one
  if (as === "binary") {
    scale.dispose();
    // the gradient of the real value, s · ±1, is that of ±1
    const signs = binarization(weights, key);
    const codes = lax.stopGradient(signs.ref).add(signs.ref.sub(lax.stopGradient(signs)).div(rows.ref));
    return { codes, scale: rows.reshape([-1]) };
  }
  const limit = limitOf(as);
  const soft = weights.div(rows);
  const half = isHalf(as) ? 0.5 : 0; // codes halfway between integers
  const hard = np.clip(np.round(soft.ref.sub(half)).add(half), -limit, limit);
  return { codes: straightThrough(soft, hard), scale };
}

/** [1] or [outputs]. */
function scaleOf(weights: np.Array, { as, scale, per, times }: WholeQuantizer): np.Array {
  const constant = lax.stopGradient(weights);
  if (typeof scale === "object") throw new Error("the trainer plans no scale out of a file");
  if (typeof scale === "number") {
    constant.dispose();
    return np.array([scale]);
  }
  const rows = np.abs(constant.reshape([per === "channel" ? constant.shape[0]! : 1, -1]));
  const measured = scale === "absmean" ? rows.mean(1) : rows.max(1).div(limitOf(as));
  return np.maximum(measured.mul(times), LEAST_SCALE);
}
