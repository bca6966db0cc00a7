import { type Codes, REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, unequalShapes } from "./meaning.ts";
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
  problem: unequalShapes,
  form: () => REAL,

  evaluate(_, [a, b], { numbers, channels }) {
    for (let i = 0; i < numbers.length; i++) numbers[i] = a!.numbers[i]! + b!.numbers[i]!;
    return scaleSums(numbers, channels, (a!.form as Codes).scale);
  },
};
