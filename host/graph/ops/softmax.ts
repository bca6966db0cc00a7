import { softmax } from "../../numbers/softmax.ts";
import { REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers } from "./meaning.ts";

/** Softmax over the channels of a row. Only before an output. */
export interface SoftmaxNode extends NodeBase {
  op: "softmax";
}

export const softmaxMeaning: OpMeaning<SoftmaxNode> = {
  role: "end",
  readsCodes: false,
  inputs: 1,
  shape: (_, [input]) => input!,
  problem: () => undefined,
  form: () => REAL,

  evaluate(_, [input], { numbers, channels }) {
    numbers.set(realNumbers(input!));
    for (let first = 0; first < numbers.length; first += channels) softmax(numbers.subarray(first, first + channels));
    return undefined;
  },
};
