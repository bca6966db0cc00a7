import { type FixedSoftmax, fixedSoftmaxProblem } from "../../numbers/fixed_softmax.ts";
import type { Quantizer } from "../../numbers/quantizer.ts";
import { softmax } from "../../numbers/softmax.ts";
import { REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers } from "./meaning.ts";
import { quantizerProblem } from "./quantize.ts";

/** Softmax over the channels of a row. Only before an output. */
export interface SoftmaxNode extends NodeBase {
  op: "softmax";
  /** A checkpoint's own softmax of codes, of scale 1, in fixed point. */
  fixed?: FixedSoftmax;
  /** What rounds its numbers, where a checkpoint has a quantizer behind it. */
  quantizer?: Quantizer;
}

export const softmaxMeaning: OpMeaning<SoftmaxNode> = {
  role: "end",
  readsCodes: false,
  inputs: 1,
  shape: (_, [input]) => input!,
  problem: ({ fixed, quantizer, channels }) =>
    (fixed && fixedSoftmaxProblem(fixed)) ?? (quantizer && quantizerProblem(quantizer, channels)),
  form: () => REAL,

  evaluate({ fixed, quantizer }, [input], { numbers, channels }) {
    numbers.set(realNumbers(input!));
    for (let first = 0; first < numbers.length; first += channels) {
      softmax(numbers.subarray(first, first + channels), fixed, quantizer);
    }
    return undefined;
  },
};
