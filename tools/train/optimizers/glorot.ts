/** Inputs and outputs of one unit of weights: those of a convolution times the taps of its window. */
export interface Fans {
  inputs: number;
  outputs: number;
}

/** Glorot's bound of uniform first weights (Glorot and Bengio 2010, equation 16). */
export function glorotBound({ inputs, outputs }: Fans): number {
  return Math.sqrt(6 / (inputs + outputs));
}

/**
 * What the steps of binary weights are multiplied by: 1 over the deviation that Glorot's first weights would have, since these are of any size
 * in [−1, 1] (BinaryConnect, arXiv 1511.00363, section 2.5; BinaryNet's `W_LR_scale`).
 */
export function glorotRate({ inputs, outputs }: Fans): number {
  return 1 / Math.sqrt(1.5 / (inputs + outputs));
}
