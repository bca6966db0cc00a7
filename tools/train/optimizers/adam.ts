import { numpy as np } from "@jax-js/jax";
import type { Optimizer } from "./optimizer.ts";

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Adam (arXiv 1412.6980), its bias corrections folded into the rate (end of section 2). */
export const adam: Optimizer = {
  rate: (learningRate, step) => (learningRate * Math.sqrt(1 - BETA2 ** step)) / (1 - BETA1 ** step),
  step(gradient, first, second, rate) {
    const m = first.mul(BETA1).add(gradient.ref.mul(1 - BETA1));
    const v = second.mul(BETA2).add(np.square(gradient).mul(1 - BETA2));
    return { step: rate.mul(m.ref).div(np.sqrt(v.ref).add(EPSILON)), first: m, second: v };
  },
};
