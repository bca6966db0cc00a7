import { zip } from "../../numbers/quantizer.ts";
import { type Codes, type Form, isOneScale, REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers, unequalShapes } from "./meaning.ts";

/** The greater of two values, element by element. Both must be codes of one scale above 0, so that it is the greater code. */
export interface MaximumNode extends NodeBase {
  op: "maximum";
}

export const maximumMeaning: OpMeaning<MaximumNode> = {
  role: "codes",
  readsCodes: true,
  inputs: 2,
  shape: (_, [input]) => input!,
  problem: unequalShapes,

  form(_, [a, b]) {
    if (!isOneScaleAboveZero(a!, b!)) return REAL;
    return {
      kind: "codes",
      scale: a.scale,
      min: zip(a.min, (b as Codes).min, Math.max),
      max: zip(a.max, (b as Codes).max, Math.max),
      bipolar: a.bipolar && (b as Codes).bipolar,
    };
  },

  evaluate(_, [a, b], output) {
    const isCodes = output.form.kind === "codes";
    const [x, y] = isCodes ? [a!.numbers, b!.numbers] : [realNumbers(a!), realNumbers(b!)];
    for (let i = 0; i < output.numbers.length; i++) output.numbers[i] = Math.max(x[i]!, y[i]!);
    return isCodes ? output.numbers : undefined;
  },
};

/** Whether both are codes with the same scale above 0 in every channel. */
export function isOneScaleAboveZero(a: Form, b: Form): a is Codes {
  return isOneScale(a, b) && a.scale.every((scale) => scale > 0);
}
