import { type Unsupported, UnsupportedError } from "../../base/errors.ts";
import { type ConcatNode, join } from "../../graph/ops/concat.ts";
import { at } from "../../numbers/quantizer.ts";
import { compact, type Elements, isScalar } from "../elements.ts";
import type { OpLowering } from "./lowering.ts";

export const concatLowering: OpLowering<ConcatNode> = {
  /** The elements of both, each with its own offset, in bytes of a kind that holds all of them as they are. */
  elements({ name, inputs, first, channels }, { plan, elements }) {
    const [a, b] = inputs.map((input) => elements.get(plan.sameCodes(input)));
    if (!a || !b) return undefined; // refused for a reason that is on the list
    const dtype = dtypeOfBoth(a, b);
    if (!dtype) {
      const reason: Unsupported = {
        node: name,
        op: "concat",
        shape: `[${channels}]`,
        why: "its operands have codes above 127 and codes below 0, which no byte holds both",
        instead: "both signed or both unsigned, or at most 7 bits for the unsigned one",
      };
      throw new UnsupportedError([reason]);
    }
    const offset = compact(join(a.offset, b.offset, first, channels));
    return {
      dtype,
      channels,
      offset,
      source: {
        min: join(a.source.min, b.source.min, first, channels),
        max: join(a.source.max, b.source.max, first, channels),
        start: (element, channel) => element + at(offset, channel),
        uniform: isScalar(offset),
      },
    };
  },

  lower({ name, inputs, output }, builder) {
    const tensors = inputs.map((input) => builder.tensorOf(input));
    builder.addOp({ kind: "concat", inputs: tensors, output: builder.addTensor(output) }, { node: name });
  },
};

/** The kind of byte in which elements of both are what they are in their own. */
function dtypeOfBoth(a: Elements, b: Elements): "u8" | "i8" | undefined {
  if (a.dtype === b.dtype) return a.dtype as "u8" | "i8";
  const both = [a.source, b.source];
  if (both.every(({ max }) => max.every((element) => element <= 127))) return "i8";
  return both.every(({ min }) => min.every((element) => element >= 0)) ? "u8" : undefined;
}
