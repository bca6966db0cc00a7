import { batchNorm } from "../layers/batch_norm.ts";
import { binarize } from "../layers/binarize.ts";
import { crossEntropy } from "../loss.ts";
import { adam } from "../optimizers/adam.ts";
import { glorotBound } from "../optimizers/glorot.ts";
import { halfCosine } from "../schedule.ts";
import type { Recipe } from "./recipe.ts";

/**
 * Weights of few bits as BitNet b1.58 trains its ternary ones (arXiv 2402.17764, and its FAQ): W_q ← RoundClip(W / mean|W|, −1, 1), the gradient
 * passing straight through to latent weights that nothing limits. Layers of 2 to 8 bits are trained likewise, their scale being the greatest
 * |w| over the greatest code; layers without a quantizer are float.
 */
export const ternary: Recipe = {
  bound: glorotBound,

  // Forward: W_q ← Quantize(W), s ← a_q · W_q, a ← BatchNorm(s), a_q ← Quantize(a)
  binarizeWeights: binarize,
  binarizeActivations: binarize,
  norm: batchNorm,
  dropout: { input: 0, hidden: 0 },

  // Backward: gradients pass the quantizers of weights as they are, those of activations where nothing was clipped
  loss: crossEntropy,
  optimizer: adam,
  weightRate: () => 1,
  limit: (weights) => weights,
  schedule: halfCosine,

  epochs: 40,
  batch: 128,
  rate: 0.005,
};
