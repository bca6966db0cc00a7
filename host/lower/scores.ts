import { UnsupportedError } from "../errors.ts";
import { scalar } from "../graph/form.ts";
import type { ArgmaxNode, StepNode } from "../graph/graph.ts";
import { at } from "../numbers/quantizer.ts";
import { applySteps, constants, type Step } from "../numbers/step.ts";
import type { ArgmaxOp } from "../program.ts";
import type { Elements } from "./elements.ts";

const AFFINE: Step["kind"][] = ["add", "sub", "rsub", "mul", "div", "batchnorm"];

const MAX_MULTIPLIER = 2 ** 31 - 1;
/** Half of 2^62: room for the rounding of multiplier and offset. */
const MAX_SUM = 2 ** 61;
/** Scores finer than 2^-200 mean nothing. */
const MAX_POWER = 200;

/**
 * Scores of an argmax in integers. The steps between the accumulators and the argmax must be affine; their slopes and
 * offsets become fixed point with one power of two, as fine as 32-bit multipliers and 62-bit sums allow. Equal accumulators
 * of like channels keep equal scores. No scores where the accumulators themselves have the order of the scores.
 */
export function fixedScores(
  node: ArgmaxNode,
  { channels, source, offset }: Elements,
  steps: readonly StepNode[],
): { scores?: ArgmaxOp["scores"]; note?: string } {
  const shape = `[${channels}]`;
  const bent = steps.find(({ step }) => !AFFINE.includes(step.kind));
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
  return {
    scores: {
      multiplier: Int32Array.from(fixed, ({ multiplier }) => multiplier),
      offset: BigInt64Array.from(
        fixed,
        ({ multiplier, offset, intercept }) =>
          BigInt(multiplier) * BigInt(offset) + BigInt(Math.round(intercept * 2 ** power)),
      ),
    },
    note: `fixed-point scores with slopes in units of 2^-${power}; classes that nearly tie may change places`,
  };
}

function isUniformStep(step: Step): boolean {
  return Object.values(constants(step)).every((vector) => scalar(vector) !== undefined);
}
