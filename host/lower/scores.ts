import { UnsupportedError } from "../errors.ts";
import { scalar } from "../graph/form.ts";
import type { ArgmaxNode, StepNode } from "../graph/graph.ts";
import { at } from "../numbers/quantizer.ts";
import { applySteps, constants, type Step } from "../numbers/step.ts";
import type { ArgmaxOp } from "../program.ts";
import type { Source } from "./chain.ts";

const AFFINE: Step["kind"][] = ["add", "sub", "rsub", "mul", "div", "batchnorm"];

const MAX_MULTIPLIER = 2 ** 31 - 1;
/** Half of 2^62: room for the rounding of multiplier and offset. */
const MAX_SUM = 2 ** 61;
/** Scores finer than 2^-200 mean nothing. */
const MAX_POWER = 200;

/**
 * Scores of an argmax in integers. The steps between the accumulators and the argmax must be affine; their slopes and
 * offsets become fixed point with one power of two, as fine as 32-bit multipliers and 62-bit sums allow. No scores where the
 * accumulators themselves have the order of the scores.
 */
export function fixedScores(
  node: ArgmaxNode,
  channels: number,
  source: Source,
  steps: readonly StepNode[],
): { scores?: ArgmaxOp["scores"]; note?: string } {
  const shape = `[${channels}]`;
  const bent = steps.find(({ step }) => !AFFINE.includes(step.kind));
  if (bent) {
    const [why, instead] = [
      `it stands before argmax "${node.name}" and is not affine`,
      "scores as output, without argmax",
    ];
    throw new UnsupportedError([{ node: bent.name, op: bent.step.kind, shape, why, instead }]);
  }

  const chain = steps.map(({ step }) => step);
  const lines = Array.from({ length: channels }, (_, c) => {
    const [min, max] = [at(source.min, c), at(source.max, c)];
    const score = (acc: number) => applySteps(chain, source.start(acc, c), c);
    const slope = max > min ? (score(max) - score(min)) / (max - min) : 0;
    return { slope, offset: score(min) - slope * min, reach: Math.max(Math.abs(min), Math.abs(max)) };
  });
  const bad = lines.findIndex(({ slope, offset }) => !Number.isFinite(slope) || !Number.isFinite(offset));
  if (bad >= 0) {
    const [why, instead] = [`the scores of channel ${bad} are not finite`, "finite constants"];
    throw new UnsupportedError([{ node: node.name, op: "argmax", shape, why, instead }]);
  }
  if (source.uniform && chain.every(isUniformStep) && lines.every(({ slope }) => slope > 0)) return {};

  const steepest = Math.max(...lines.map(({ slope }) => Math.abs(slope)));
  const greatest = Math.max(...lines.map(({ slope, offset, reach }) => Math.abs(slope) * reach + Math.abs(offset)));
  let power = MAX_POWER;
  while (steepest * 2 ** power > MAX_MULTIPLIER || greatest * 2 ** power > MAX_SUM) power--;
  return {
    scores: {
      multiplier: Int32Array.from(lines, ({ slope }) => Math.round(slope * 2 ** power)),
      offset: BigInt64Array.from(lines, ({ offset }) => BigInt(Math.round(offset * 2 ** power))),
    },
    note: `fixed-point scores with slopes in units of 2^-${power}; classes that nearly tie may change places`,
  };
}

function isUniformStep(step: Step): boolean {
  return Object.values(constants(step)).every((vector) => scalar(vector) !== undefined);
}
