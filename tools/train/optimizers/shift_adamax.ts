import { numpy as np } from "@jax-js/jax";
import { ap2Of, powerOfTwo } from "../layers/ap2.ts";
import type { Optimizer } from "./optimizer.ts";

/** 1 − β1 and 1 − β2 are powers of two. */
const BETA1 = 1 - 2 ** -3;
const BETA2 = 1 - 2 ** -10;
/** Keeps the reciprocal of the greatest gradient finite; that of the paper's code. */
const EPSILON = 2 ** -27;

/**
 * Shift-based AdaMax (arXiv 1602.02830, algorithm 3): m = β1 m + (1 − β1) g, v = max(β2 v, |g|), θ = θ − AP2(α / (1 − β1^t)) · m · AP2(1 / v). Every
 * factor of a step is a shift. The rate of the paper's text, 2^−10, is too small; its code has 2^−6.
 */
export const shiftAdamax: Optimizer = {
  rate: (learningRate, step) => ap2Of(learningRate / (1 - BETA1 ** step)),
  step(gradient, first, second, rate) {
    const m = first.mul(BETA1).add(gradient.ref.mul(1 - BETA1));
    const v = np.maximum(second.mul(BETA2), np.abs(gradient));
    return { step: rate.mul(m.ref).mul(powerOfTwo(np.reciprocal(v.ref.add(EPSILON)))), first: m, second: v };
  },
};
