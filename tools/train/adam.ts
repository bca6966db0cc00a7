import { numpy as np, tree } from "@jax-js/jax";

/** Running means of each gradient and of its square, in the shape of the parameters. */
export type Moments<Parameters> = { first: Parameters; second: Parameters };

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export function zeroMoments<Parameters extends object>(parameters: Parameters): Moments<Parameters> {
  const zeros = () => tree.map((p: np.Array) => np.zeros(p.shape), parameters as never) as Parameters;
  return { first: zeros(), second: zeros() };
}

/**
 * Step size with the bias corrections of Adam folded in (arXiv 1412.6980, end of section 2). `step` counts from 1.
 * Made outside the compiled step, since it changes from step to step.
 */
export function correctedRate(learningRate: number, step: number): number {
  return (learningRate * Math.sqrt(1 - BETA2 ** step)) / (1 - BETA1 ** step);
}

/** One update. Consumes everything it is given. */
export function adam<Parameters extends object>(
  parameters: Parameters,
  gradients: Parameters,
  moments: Moments<Parameters>,
  rate: np.Array,
): { parameters: Parameters; moments: Moments<Parameters> } {
  const map = tree.map as (f: (...arrays: np.Array[]) => np.Array, ...trees: Parameters[]) => Parameters;
  const first = map((m, g) => m.mul(BETA1).add(g.mul(1 - BETA1)), moments.first, tree.ref(gradients as never));
  const second = map((v, g) => v.mul(BETA2).add(np.square(g).mul(1 - BETA2)), moments.second, gradients);
  const updated = map(
    (p, m, v) => p.sub(rate.ref.mul(m.ref).div(np.sqrt(v.ref).add(EPSILON))),
    parameters,
    first,
    second,
  );
  rate.dispose();
  return { parameters: updated, moments: { first, second } };
}
