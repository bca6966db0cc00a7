import { at } from "../../numbers/quantizer.ts";
import { isSameShape, shapeText } from "../../shape.ts";
import { type Codes, type Form, REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { isOneScale as haveOneScale } from "./add.ts";
import { type OpMeaning, realNumbers } from "./meaning.ts";

/** The greater of two values, element by element. Both must be codes of one scale above 0, so that it is the greater code. */
export interface MaximumNode extends NodeBase {
  op: "maximum";
}

export const maximumMeaning: OpMeaning<MaximumNode> = {
  role: "codes",
  readsCodes: true,
  inputs: 2,
  shape: (_, [input]) => input!,
  problem(_, [a, b]) {
    return isSameShape(a!, b!)
      ? undefined
      : `reads ${shapeText(a!)} and ${shapeText(b!)} channels, expected as many of both`;
  },

  form(_, [a, b]) {
    if (!isOneScale(a!, b!)) return REAL;
    return {
      kind: "codes",
      scale: a.scale,
      min: greater(a.min, (b as Codes).min),
      max: greater(a.max, (b as Codes).max),
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
function isOneScale(a: Form, b: Form): a is Codes {
  return haveOneScale(a, b) && a.scale.every((scale) => scale > 0);
}

/** The greater of two vectors of length 1 or one entry per channel. */
export function greater(a: Float64Array, b: Float64Array): Float64Array {
  return Float64Array.from({ length: Math.max(a.length, b.length) }, (_, c) => Math.max(at(a, c), at(b, c)));
}
