import { UnsupportedError } from "../base/errors.ts";
import { scalar } from "../graph/form.ts";
import type { ArgmaxNode } from "../graph/ops/argmax.ts";
import type { StepNode } from "../graph/ops/step.ts";
import { at } from "../numbers/quantizer.ts";
import { applySteps, constants, isAffine, type Step } from "../numbers/step.ts";
import type { Scores } from "../program.ts";
import type { Elements } from "./elements.ts";

const MAX_MULTIPLIER = 2 ** 31 - 1;
/** Half of 2^62: room for the rounding of multiplier and offset. */
const MAX_SUM = 2 ** 61;
/** Scores finer than 2^-200 mean nothing. */
const MAX_POWER = 200;
/** Share of answers, roughly, that may be wrong since scores are rounded: where classes nearly tie. */
const MAX_ERROR = 2 ** -16;

/**
 * Scores of an argmax in integers. The steps between the accumulators and the argmax must be affine; their slopes and
 * offsets become fixed point with one power of two, as fine as 32-bit multipliers and 62-bit sums allow. Equal accumulators
 * of like channels keep equal scores. No scores where the accumulators themselves have the order of the scores. Throws
 * UnsupportedError where fixed point is too coarse to tell which of two classes has the greater score.
 */
export function fixedScores(
  node: ArgmaxNode,
  { channels, source, offset }: Elements,
  steps: readonly StepNode[],
): { post?: Scores; note?: string } {
  const shape = `[${channels}]`;
  const bent = steps.find(({ step }) => !isAffine(step));
  if (bent) {
    const why = `it stands before argmax "${node.name}" and is not affine`;
    const instead = "scores as output, without argmax";
    throw new UnsupportedError([{ node: bent.name, op: bent.step.kind, shape, why, instead }]);
  }

  const chain = steps.map(({ step }) => step);
  const score = (acc: number, c: number) => applySteps(chain, source.start(acc - at(offset, c), c), c);
  const each = Array.from({ length: channels }, (_, c) => c);
  const farthest = (c: number) =>
    Math.max(...[source.min, source.max].map((end) => Math.abs(at(end, c) + at(offset, c))));
  const reach = each.reduce((most, c) => Math.max(most, farthest(c)), 1);
  const lines = each.map((c) => ({
    slope: (score(reach, c) - score(-reach, c)) / (2 * reach),
    intercept: score(0, c),
    offset: at(offset, c),
  }));
  const bad = lines.findIndex(({ slope, intercept }) => !Number.isFinite(slope + intercept));
  if (bad >= 0) {
    const why = `the scores of channel ${bad} are not finite`;
    throw new UnsupportedError([{ node: node.name, op: "argmax", shape, why, instead: "finite constants" }]);
  }
  if (source.uniform && chain.every(isUniformStep) && lines[0]!.slope > 0) return {};

  const steepest = lines.reduce((most, { slope }) => Math.max(most, Math.abs(slope)), 0);
  const sizes = lines.map(({ slope, intercept }) => Math.abs(slope) * reach + Math.abs(intercept));
  const greatest = sizes.reduce((most, size) => Math.max(most, size), 0);
  let power = MAX_POWER;
  while (steepest * 2 ** power > MAX_MULTIPLIER || greatest * 2 ** power > MAX_SUM) power--;
  const fixed = lines.map((line) => ({ ...line, multiplier: Math.round(line.slope * 2 ** power) }));
  const pair = unrankable(
    fixed.map(({ slope, intercept, multiplier, offset }, c): Span => {
      const sums = [at(source.min, c) + offset, at(source.max, c) + offset] as const;
      const ends = sums.map((sum) => slope * sum + intercept);
      const rounded = Number.isInteger(intercept * 2 ** power) ? 0 : 0.5 / 2 ** power;
      const error = Math.abs(slope - multiplier / 2 ** power) * reach + rounded;
      return { slope, intercept, multiplier, sums, low: Math.min(...ends), high: Math.max(...ends), error };
    }),
  );
  if (pair) {
    const [c, d] = pair.map(
      (channel) => `${shown(lines[channel]!.slope)} · sum + ${shown(lines[channel]!.intercept)} of channel ${channel}`,
    );
    const why =
      `beside slopes of up to ${shown(steepest)} and scores of up to ${shown(greatest)}, 32-bit multipliers count in steps of ${stepText(power)}, ` +
      `which do not tell which is greater, ${c} or ${d}`;
    const instead = "scores as output, without argmax, or scales that differ less from channel to channel";
    throw new UnsupportedError([{ node: node.name, op: "argmax", shape, why, instead }]);
  }
  return {
    post: {
      kind: "scores",
      multiplier: Int32Array.from(fixed, ({ multiplier }) => multiplier),
      offset: BigInt64Array.from(
        fixed,
        ({ multiplier, offset, intercept }) =>
          BigInt(multiplier) * BigInt(offset) + BigInt(Math.round(intercept * 2 ** power)),
      ),
    },
    note: `fixed-point scores with slopes in steps of ${stepText(power)}; classes that nearly tie may change places`,
  };
}

/** Scores that a class can have, and how far off they are in fixed point. */
interface Span {
  slope: number;
  intercept: number;
  multiplier: number;
  /** Least and greatest accumulator, and score. */
  sums: readonly [number, number];
  low: number;
  high: number;
  error: number;
}

/** Two classes of which fixed point does not tell which has the greater score. */
function unrankable(spans: readonly Span[]): [number, number] | undefined {
  for (const [c, coarse] of spans.entries()) {
    const size = coarse.high - coarse.low;
    if (coarse.error * 2 <= MAX_ERROR * size || coarse.error === 0) continue; // two fine ones can be compared
    const d = spans.findIndex((other, i) => {
      const isEqual = coarse.slope === other.slope && coarse.intercept === other.intercept;
      if (i === c || (isEqual && coarse.multiplier !== 0)) return false; // rounded alike, their sums decide
      const error = coarse.error + other.error;
      if (coarse.slope === 0 && error <= MAX_ERROR * Math.abs(other.slope)) return false; // a constant nearly ties with one sum at most
      return shareWithin(other, coarse.low - error, coarse.high + error) * Math.min(1, (2 * error) / size) > MAX_ERROR;
    });
    if (d >= 0) return [Math.min(c, d), Math.max(c, d)];
  }
  return undefined;
}

/** Of the scores that a class can have, those from `low` to `high`. */
function shareWithin({ slope, intercept, sums: [least, greatest] }: Span, low: number, high: number): number {
  if (slope === 0) return intercept >= low && intercept <= high ? 1 : 0;
  const ends = [(low - intercept) / slope, (high - intercept) / slope].sort((a, b) => a - b) as [number, number];
  const count = Math.min(Math.floor(ends[1]), greatest) - Math.max(Math.ceil(ends[0]), least) + 1;
  return Math.max(0, count) / (greatest - least + 1);
}

function shown(x: number): string {
  return String(Number(x.toPrecision(4)));
}

/** "2^-27", and "2^5" where steps are larger than 1. */
function stepText(power: number): string {
  return `2^${-power}`;
}

function isUniformStep(step: Step): boolean {
  return Object.values(constants(step)).every((vector) => scalar(vector) !== undefined);
}
