import type { numpy as np } from "@jax-js/jax";

/** Arrays by the names of their tensors. */
export type Tensors = Record<string, np.Array>;

/** What an optimizer remembers of the gradients, in the shapes of the parameters. */
export type Moments = { first: Tensors; second: Tensors };

/** How gradients become steps. */
export interface Optimizer {
  /** The factor that all steps of update `step`, which counts from 1, have in common: made outside the compiled step, in float64, since it changes. */
  rate(learningRate: number, step: number): number;
  /** What to subtract from one parameter, and its moments. Consumes everything it is given. */
  step(
    gradient: np.Array,
    first: np.Array,
    second: np.Array,
    rate: np.Array,
  ): { step: np.Array; first: np.Array; second: np.Array };
}
