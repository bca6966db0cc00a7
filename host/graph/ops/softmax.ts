import { type FixedSoftmax, fixedSoftmaxProblem } from "../../numbers/fixed_softmax.ts";
import { softmax } from "../../numbers/softmax.ts";
import { REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers } from "./meaning.ts";

/** Softmax over the channels of a row. Only before an output. */
export interface SoftmaxNode extends NodeBase {
  op: "softmax";
  /** A checkpoint's own softmax of codes, of scale 1, in fixed point. */
  fixed?: FixedSoftmax;
}

export const softmaxMeaning: OpMeaning<SoftmaxNode> = {
  role: "end",
  readsCodes: false,
  inputs: 1,
  shape: (_, [input]) => input!,
  problem: ({ fixed }) => fixed && fixedSoftmaxProblem(fixed),
  form: () => REAL,

  evaluate({ fixed }, [input], { numbers, channels }) {
    numbers.set(realNumbers(input!));
    for (let first = 0; first < numbers.length; first += channels) {
      softmax(numbers.subarray(first, first + channels), fixed);
    }
    return undefined;
  },
};
