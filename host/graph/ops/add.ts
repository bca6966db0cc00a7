import { alike, at } from "../../numbers/quantizer.ts";
import { isSameShape, shapeText } from "../../shape.ts";
import { type Codes, type Form, REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import type { OpMeaning } from "./meaning.ts";
import { scaleSums } from "./weights.ts";

/** The sum of two values, element by element. Both must be codes of one scale, whose sums are integers. */
export interface AddNode extends NodeBase {
  op: "add";
}

export const addMeaning: OpMeaning<AddNode> = {
  role: "sums",
  readsCodes: true,
  inputs: 2,
  shape: (_, [input]) => input!,

  problem(_, [a, b]) {
    return isSameShape(a!, b!)
      ? undefined
      : `reads ${shapeText(a!)} and ${shapeText(b!)} channels, expected as many of both`;
  },

  form: () => REAL,

  evaluate(_, [a, b], { numbers, channels }) {
    for (let i = 0; i < numbers.length; i++) numbers[i] = a!.numbers[i]! + b!.numbers[i]!;
    return scaleSums(numbers, channels, (a!.form as Codes).scale);
  },
};

/** Whether both are codes with the same scale in every channel. */
export function isOneScale(a: Form, b: Form): a is Codes {
  return a.kind === "codes" && b.kind === "codes" && alike(a.scale, b.scale);
}

/** The sum of two vectors of length 1 or one entry per channel. */
export function sumOf(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return Float64Array.from(
    { length: Math.max(a.length, b.length) },
    (_, c) => at(a as Float64Array, c) + at(b as Float64Array, c),
  );
}
