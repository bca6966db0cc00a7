import type { numpy as np } from "@jax-js/jax";
import type { Norm } from "../layers/batch_norm.ts";
import type { Binarization } from "../layers/binarize.ts";
import type { Loss } from "../loss.ts";
import type { Fans } from "../optimizers/glorot.ts";
import type { Optimizer } from "../optimizers/optimizer.ts";
import type { Schedule } from "../schedule.ts";

/** How a network is trained, in the order in which a step needs it. What its layers are, the network says. */
export interface Recipe {
  /** First latent weights are uniform between minus and plus that. */
  bound(fans: Fans): number;
  /** Of weights and of activations that are ±1. */
  binarizeWeights: Binarization;
  binarizeActivations: Binarization;
  norm: Norm;
  /** Share of what goes into the first layer with weights, and into the others, that is left out at random. */
  dropout: { input: number; hidden: number };
  loss: Loss;
  optimizer: Optimizer;
  /** What the steps of weights are multiplied by. */
  weightRate(fans: Fans): number;
  /** What is done to latent weights after their step. */
  limit(weights: np.Array): np.Array;
  schedule: Schedule;
  /** If not given: passes over the pictures, pictures in a step, and the rate of the first step. */
  epochs: number;
  batch: number;
  rate: number;
}
