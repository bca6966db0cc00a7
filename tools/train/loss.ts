import { nn, numpy as np } from "@jax-js/jax";

/** Mean over a batch of what scores (N, classes) of labels (N) cost. */
export type Loss = (scores: np.Array, labels: np.Array) => np.Array;

/**
 * Squared hinge of each class against all others: the mean over samples and classes of max(0, 1 − t · y)², where t is +1 for the class of the
 * sample and −1 for the others (arXiv 1602.02830, section 2.1).
 */
export function squaredHinge(scores: np.Array, labels: np.Array): np.Array {
  const truth = nn.oneHot(labels, scores.shape[1]!).mul(2).sub(1);
  return np.square(np.maximum(scores.mul(truth).neg().add(1), 0)).mean();
}

export function crossEntropy(scores: np.Array, labels: np.Array): np.Array {
  const truth = nn.oneHot(labels, scores.shape[1]!);
  return nn.logSoftmax(scores).mul(truth).sum(1).mean().neg();
}
