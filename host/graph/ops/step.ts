import { isMultiplier, isShift, MAX_SHIFT, MIN_SHIFT } from "../../numbers/fixed_point.ts";
import { at } from "../../numbers/quantizer.ts";
import { applyStep, constants, type Step } from "../../numbers/step.ts";
import { type Codes, type Form, REAL, realNumber, scalar } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, vectorProblem } from "./meaning.ts";

/** Per-element function with constant operands. */
export interface StepNode extends NodeBase {
  op: "step";
  step: Step;
}

export const stepMeaning: OpMeaning<StepNode> = {
  role: "element",
  readsCodes: false,
  inputs: 1,
  shape: (_, [input]) => input!,

  problem({ step, channels }) {
    for (const [name, vector] of Object.entries(constants(step))) {
      const problem = vectorProblem(`${name} of ${step.kind}`, vector, channels, (x) => !Number.isNaN(x), "numbers");
      if (problem) return problem;
    }
    if (step.kind !== "rescale") return undefined;
    return (
      vectorProblem("multiplier of rescale", step.multiplier, channels, isMultiplier, "0 to 2^31 − 1") ??
      vectorProblem("shift of rescale", step.shift, channels, isShift, `${MIN_SHIFT} to ${MAX_SHIFT}`)
    );
  },

  form: ({ step }, [input]) => steppedForm(step, input!),

  evaluate(node, [input], output) {
    for (let i = 0; i < output.numbers.length; i++) {
      output.numbers[i] = stepElement(node, input!.form, output.form, input!.numbers[i]!, i % output.channels);
    }
    return output.form.kind === "codes" ? output.numbers : undefined;
  },
};

/** Codes stay codes through a ReLU, and through a product or quotient with a scalar, which changes their scale alone; all else makes real numbers. */
export function steppedForm(step: Step, input: Form): Form {
  if (input.kind === "real") return REAL;
  if (step.kind === "relu") {
    const channels = Math.max(input.scale.length, input.min.length);
    const each = (codes: Float64Array) =>
      Float64Array.from({ length: channels }, (_, c) => relu(input, at(codes, c), c));
    const [a, b] = [each(input.min), each(input.max)];
    return { ...input, min: a, max: b, bipolar: false };
  }
  const scale = rescaled(step, input.scale);
  return scale ? { ...input, scale } : REAL;
}

/** The step of one number of the form `from`; `to` is `steppedForm(step, from)`. */
export function stepElement({ step }: StepNode, from: Form, to: Form, x: number, channel: number): number {
  if (from.kind === "codes" && to.kind === "codes") return step.kind === "relu" ? relu(from, x, channel) : x;
  return applyStep(step, realNumber(from, x, channel), channel);
}

/** The code of max(code · scale, 0). */
function relu({ scale }: Codes, code: number, channel: number): number {
  return at(scale, channel) > 0 ? Math.max(code, 0) : Math.min(code, 0);
}

/** The scale after a product or quotient with one scalar, as long as it stays a number other than 0. */
function rescaled(step: Step, scale: Float64Array): Float64Array | undefined {
  if (step.kind !== "mul" && step.kind !== "div") return undefined;
  const by = scalar(step.by);
  if (by === undefined) return undefined;
  const result = scale.map((s) => (step.kind === "mul" ? s * by : s / by));
  return result.every((s) => s !== 0 && Number.isFinite(s)) ? result : undefined;
}
