import { UnsupportedError } from "../../base/errors.ts";
import type { UpsampleNode } from "../../graph/ops/upsample.ts";
import type { OpLowering } from "./lowering.ts";

/** A byte of the record holds each factor. */
const MAX_FACTOR = 255;

export const upsampleLowering: OpLowering<UpsampleNode> = {
  /** The input's elements. */
  elements: ({ inputs: [input] }, { plan, elements }) => elements.get(plan.sameCodes(input!)),

  lower({ name, channels, inputs: [input], output, factorY, factorX }, builder) {
    if (Math.max(factorY, factorX) > MAX_FACTOR) {
      const why = `it repeats lines ${factorY} and columns ${factorX} times`;
      const instead = `at most ${MAX_FACTOR} times, or two of them`;
      throw new UnsupportedError([{ node: name, op: "upsample", shape: `[${channels}]`, why, instead }]);
    }
    const tensors = { inputs: [builder.tensorOf(input!)], output: builder.addTensor(output) };
    builder.addOp({ kind: "upsample", ...tensors, factorY, factorX }, { node: name });
  },
};
