import { type Unsupported, UnsupportedError } from "../../base/errors.ts";
import type { MaximumNode } from "../../graph/ops/maximum.ts";
import { alike, at, zip } from "../../numbers/quantizer.ts";
import { isScalar } from "../elements.ts";
import type { OpLowering } from "./lowering.ts";

export const maximumLowering: OpLowering<MaximumNode> = {
  /** The greater elements, with the offset of both. A byte of either kind holds them: only two signed ones have a negative one. */
  elements({ name, inputs, channels }, { plan, elements }) {
    const [a, b] = inputs.map((input) => elements.get(plan.sameCodes(input)));
    if (!a || !b) return undefined; // refused for a reason that is on the list
    const { offset } = a;
    if (!alike(offset, b.offset)) {
      const reason: Unsupported = {
        node: name,
        op: "maximum",
        shape: `[${channels}]`,
        why: "a byte holds the codes of its operands counted from different codes",
        instead: "zero point 0 and at most 8 bits for both",
      };
      throw new UnsupportedError([reason]);
    }
    const [min, max] = [zip(a.source.min, b.source.min, Math.max), zip(a.source.max, b.source.max, Math.max)];
    return {
      dtype: min.some((element) => element < 0) ? "i8" : "u8",
      channels,
      offset,
      source: { min, max, start: (element, channel) => element + at(offset, channel), uniform: isScalar(offset) },
    };
  },

  lower({ name, inputs, output }, builder) {
    const tensors = inputs.map((input) => builder.tensorOf(input));
    builder.addOp({ kind: "maximum", inputs: tensors, output: builder.addTensor(output) }, { node: name });
  },
};
