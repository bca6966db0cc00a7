import { type FixedRounding, multiplyFixed } from "./fixed_point.ts";
import { at } from "./quantizer.ts";

/**
 * One per-element function of a float graph, in float64. Constants have length 1 or one entry per channel.
 * `rsub` and `rdiv` have the constant on the left: c − x, c / x. `count` is how many of its bounds x has reached, which ascend in every channel.
 * `rescale` is a checkpoint's own product in fixed point, of integers (fixed_point.ts).
 */
export type Step =
  | { kind: "add" | "sub" | "rsub" | "mul" | "div" | "rdiv" | "pow" | "min" | "max"; by: Float64Array }
  | { kind: "relu" }
  | { kind: "count"; bounds: Float64Array[] }
  | {
      kind: "batchnorm";
      mean: Float64Array;
      variance: Float64Array;
      epsilon: number;
      gamma: Float64Array;
      beta: Float64Array;
    }
  | { kind: "rescale"; multiplier: Float64Array; shift: Float64Array; rounding: FixedRounding };

/** All kinds of steps. */
export const STEP_KINDS = [
  ...(["add", "sub", "rsub", "mul", "div", "rdiv", "pow", "min", "max"] as const),
  ...(["relu", "count", "batchnorm", "rescale"] as const),
] as const;

/** The constants of a step, by name. */
export function constants(step: Step): Record<string, Float64Array> {
  switch (step.kind) {
    case "relu":
      return {};
    case "count":
      return Object.fromEntries(step.bounds.map((bound, j) => [`bound ${j}`, bound]));
    case "batchnorm":
      return { mean: step.mean, variance: step.variance, gamma: step.gamma, beta: step.beta };
    case "rescale":
      return { multiplier: step.multiplier, shift: step.shift };
    default:
      return { operand: step.by };
  }
}

/** The same step with each of its constants mapped. */
export function mapConstants(step: Step, map: (vector: Float64Array) => Float64Array): Step {
  switch (step.kind) {
    case "relu":
      return step;
    case "count":
      return { ...step, bounds: step.bounds.map(map) };
    case "batchnorm": {
      const { mean, variance, gamma, beta } = step;
      return { ...step, mean: map(mean), variance: map(variance), gamma: map(gamma), beta: map(beta) };
    }
    case "rescale":
      return { ...step, multiplier: map(step.multiplier), shift: map(step.shift) };
    default:
      return { ...step, by: map(step.by) };
  }
}

/** Applies a step to a real number. The order of operations written here is the meaning of the step (design, D7). */
export function applyStep(step: Step, x: number, channel: number): number {
  switch (step.kind) {
    case "add":
      return x + at(step.by, channel);
    case "sub":
      return x - at(step.by, channel);
    case "rsub":
      return at(step.by, channel) - x;
    case "mul":
      return x * at(step.by, channel);
    case "div":
      return x / at(step.by, channel);
    case "rdiv":
      return at(step.by, channel) / x;
    case "pow":
      return power(x, at(step.by, channel));
    case "min":
      return Math.min(x, at(step.by, channel));
    case "max":
      return Math.max(x, at(step.by, channel));
    case "relu":
      return Math.max(x, 0);
    case "count":
      return Number.isNaN(x) ? x : reachedOf(step.bounds, x, channel);
    case "batchnorm": {
      const deviation = Math.sqrt(at(step.variance, channel) + step.epsilon);
      return ((x - at(step.mean, channel)) / deviation) * at(step.gamma, channel) + at(step.beta, channel);
    }
    case "rescale": {
      const { rounding } = step;
      return multiplyFixed(x, { multiplier: at(step.multiplier, channel), shift: at(step.shift, channel), rounding });
    }
  }
}

/** How many of ascending bounds x has reached. */
function reachedOf(bounds: readonly Float64Array[], x: number, channel: number): number {
  let [reached, end] = [0, bounds.length];
  while (reached < end) {
    const middle = (reached + end) >> 1;
    if (x >= at(bounds[middle]!, channel)) reached = middle + 1;
    else end = middle;
  }
  return reached;
}

export function applySteps(steps: readonly Step[], x: number, channel: number): number {
  for (const step of steps) x = applyStep(step, x, channel);
  return x;
}

/** x → slope · x + intercept. */
export interface Affine {
  slope: number;
  intercept: number;
}

/** What a step makes of an affine function, but for rounding; undefined where it is not affine itself. */
export function affineStep(step: Step, line: Affine, channel: number): Affine | undefined {
  const slope = slopeBehind(step, line.slope, channel);
  return slope === undefined ? undefined : { slope, intercept: applyStep(step, line.intercept, channel) };
}

function slopeBehind(step: Step, slope: number, channel: number): number | undefined {
  switch (step.kind) {
    case "add":
    case "sub":
      return slope;
    case "rsub":
      return -slope;
    case "mul":
      return slope * at(step.by, channel);
    case "div":
      return slope / at(step.by, channel);
    case "batchnorm":
      return (slope / Math.sqrt(at(step.variance, channel) + step.epsilon)) * at(step.gamma, channel);
    default:
      return undefined;
  }
}

export function isAffine(step: Step): boolean {
  return slopeBehind(step, 1, 0) !== undefined;
}

/** Whether a step leaves numbers as they are, but for those beyond a bound. */
export function isBound({ kind }: Step): boolean {
  return kind === "relu" || kind === "min" || kind === "max";
}

/**
 * x ^ exponent. Square roots and small integer powers are exact roundings and products, the same on every machine;
 * `Math.pow` serves the rest.
 */
export function power(x: number, exponent: number): number {
  if (exponent === 0.5) return Math.sqrt(x);
  if (exponent === -0.5) return 1 / Math.sqrt(x);
  if (Number.isInteger(exponent) && Math.abs(exponent) <= 16) {
    let product = 1;
    for (let i = 0; i < Math.abs(exponent); i++) product *= x;
    return exponent < 0 ? 1 / product : product;
  }
  return x ** exponent;
}

/**
 * Direction of a step over all real numbers: +1 never falls, −1 never rises, 0 constant, undefined neither.
 * Correctly rounded float64 operations keep it.
 */
export function direction(step: Step, channel: number): 1 | -1 | 0 | undefined {
  switch (step.kind) {
    case "add":
    case "sub":
    case "min":
    case "max":
    case "relu":
    case "count":
    case "rescale":
      return 1;
    case "rsub":
      return -1;
    case "mul":
    case "div":
      return Math.sign(at(step.by, channel)) as 1 | -1 | 0;
    case "batchnorm":
      return Math.sign(at(step.gamma, channel)) as 1 | -1 | 0;
    case "pow": {
      const exponent = at(step.by, channel);
      return exponent > 0 && exponent <= 16 && exponent % 2 === 1 ? 1 : undefined;
    }
    case "rdiv":
      return undefined;
  }
}
