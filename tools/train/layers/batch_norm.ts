import { numpy as np } from "@jax-js/jax";
import { ap2, ap2Of } from "./ap2.ts";

/** What is learned of a batch norm, an entry for each channel. One that the network leaves out is absent: 1 and 0. */
export interface Affine {
  weight: np.Array | undefined;
  bias: np.Array | undefined;
}

/** Mean and variance of each channel before its batch norm. */
export type Statistics = { mean: np.Array; variance: np.Array };

/** How a batch norm normalises: what of its products are shifts. */
export interface Norm {
  /** Of x, whose channels are its last axis. */
  statistics(x: np.Array): Statistics;
  normalise(x: np.Array, statistics: Statistics, affine: Affine, epsilon: number): np.Array;
  /** One channel as a batch norm without shifts, to the bit: γ, σ² and ε of what runs where the network is used. */
  plain(weight: number, variance: number, epsilon: number): { weight: number; variance: number; epsilon: number };
}

/** Batch normalization (arXiv 1502.03167, algorithm 1): y = γ · (x − μ) / √(σ² + ε) + β. */
export const batchNorm: Norm = {
  statistics: (x) => statisticsBy(x, (centred) => np.square(centred)),
  normalise(x, { mean, variance }, { weight, bias }, epsilon) {
    return affine(x.sub(mean).div(np.sqrt(variance.add(epsilon))), weight, bias);
  },
  plain: (weight, variance, epsilon) => ({ weight, variance, epsilon }),
};

/**
 * Shift-based batch normalization (arXiv 1602.02830, algorithm 2), with C = x − μ: σ² = mean(C · AP2(C)), y = AP2(γ) · C · AP2(1 / √(σ² + ε)) + β.
 * Every product is a shift.
 */
export const shiftBatchNorm: Norm = {
  statistics: (x) => statisticsBy(x, (centred) => centred.ref.mul(ap2(centred))),
  normalise(x, { mean, variance }, { weight, bias }, epsilon) {
    const inverse = ap2(np.reciprocal(np.sqrt(variance.add(epsilon))));
    return affine(x.sub(mean).mul(inverse), weight && ap2(weight), bias);
  },
  plain(weight, variance, epsilon) {
    const { fround, sqrt } = Math;
    const inverse = ap2Of(fround(1 / fround(sqrt(fround(variance + fround(epsilon))))));
    return { weight: ap2Of(weight), variance: inverse ** -2, epsilon: 0 };
  },
};

function statisticsBy(x: np.Array, square: (centred: np.Array) => np.Array): Statistics {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const mean = x.ref.mean(axes);
  const variance = square(x.sub(mean.ref)).mean(axes);
  return { mean, variance };
}

function affine(x: np.Array, weight: np.Array | undefined, bias: np.Array | undefined): np.Array {
  const scaled = weight ? x.mul(weight) : x;
  return bias ? scaled.add(bias) : scaled;
}

/** Share of the old in the running averages, one minus that of a batch: PyTorch's momentum of 0.1, and BinaryNet's α. */
const KEPT = 0.9;

/** Running averages after one more batch. */
export function blend(running: Statistics, batch: Statistics): Statistics {
  const mix = (a: np.Array, b: np.Array) => a.mul(KEPT).add(b.mul(1 - KEPT));
  return { mean: mix(running.mean, batch.mean), variance: mix(running.variance, batch.variance) };
}
