import { ap2Of } from "../layers/ap2.ts";
import { batchNorm, shiftBatchNorm } from "../layers/batch_norm.ts";
import { binarize, stochasticBinarize } from "../layers/binarize.ts";
import { squaredHinge } from "../loss.ts";
import { adam } from "../optimizers/adam.ts";
import { clipWeights } from "../optimizers/clip.ts";
import { glorotRate } from "../optimizers/glorot.ts";
import { shiftAdamax } from "../optimizers/shift_adamax.ts";
import { exponential, halving } from "../schedule.ts";
import type { Recipe } from "./recipe.ts";

/**
 * Algorithm 1 of Binarized Neural Networks (Hubara et al. 2016, arXiv 1602.02830), with the settings of the paper's Theano code for MNIST. The
 * network has `"weights": "binary"` in every layer, a batch norm behind each, and `sign` behind all batch norms but the last.
 */
export const bnn: Recipe = {
  bound: () => 1, // latent weights fill [−1, 1]

  // 1.1 Forward: W_b ← Binarize(W), s ← a_b · W_b, a ← BatchNorm(s, θ), a_b ← Binarize(a)
  binarizeWeights: binarize,
  binarizeActivations: binarize,
  norm: batchNorm,
  dropout: { input: 0, hidden: 0 },

  // 1.2 Backward: gradients pass both binarizations where |x| ≤ 1
  loss: squaredHinge,

  // 2. Accumulate: W ← Clip(Update(W, γ · η, g), −1, 1), θ ← Update(θ, η, g), η ← λ · η
  optimizer: adam,
  weightRate: glorotRate,
  limit: clipWeights,
  schedule: exponential,

  epochs: 100,
  batch: 100,
  rate: 0.003,
};

/**
 * The same without a multiplication (algorithms 2 and 3), with the settings of the paper's Torch7 code. That leaves the last batch norm plain;
 * here all are shifts. The rate of the paper's text, 2^−10, is too small.
 */
export const bnnShift: Recipe = {
  ...bnn,
  norm: shiftBatchNorm,
  optimizer: shiftAdamax,
  weightRate: (fans) => ap2Of(glorotRate(fans)),
  schedule: halving,
  rate: 2 ** -6,
};

/** The same with weights and activations that are drawn (equation 2); a network is tested with signs. Needs several times as many epochs. */
export const bnnStochastic: Recipe = {
  ...bnn,
  binarizeWeights: stochasticBinarize,
  binarizeActivations: stochasticBinarize,
};
