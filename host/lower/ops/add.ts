import type { Codes } from "../../graph/form.ts";
import type { AddNode } from "../../graph/ops/add.ts";
import { at, zip } from "../../numbers/quantizer.ts";
import type { AddOp } from "../../program.ts";
import type { Builder } from "../builder.ts";
import { compact, isScalar } from "../elements.ts";
import type { OpLowering } from "./lowering.ts";

export const addLowering: OpLowering<AddNode> = {
  /** Sums of stored codes. */
  elements({ inputs, channels }, { plan, form, elements }) {
    const [a, b] = inputs.map((input) => elements.get(plan.sameCodes(input)));
    if (!a || !b) return undefined; // refused for a reason that is on the list
    const sum = (x: number, y: number) => x + y;
    const offset = compact(zip(a.offset, b.offset, sum));
    const { scale } = form.get(inputs[0]!) as Codes;
    return {
      dtype: "i32",
      channels,
      offset,
      source: {
        min: zip(a.source.min, b.source.min, sum),
        max: zip(a.source.max, b.source.max, sum),
        start: (element, channel) => (element + at(offset, channel)) * at(scale, channel),
        uniform: isScalar(offset) && isScalar(scale),
      },
    };
  },

  /** A sum that nobody else reads is one op with the quantizer behind it (codes.ts). */
  lower(node, builder) {
    if (builder.plan.sums.has(node.output)) addSum(node, node.output, builder);
  },
};

/** The op of a sum, whose output is the integers or, with a post, codes. */
export function addSum(node: AddNode, output: string, builder: Builder, post?: AddOp["post"]): void {
  const inputs = node.inputs.map((input) => builder.tensorOf(input));
  builder.addOp({ kind: "add", inputs, output: builder.addTensor(output), ...(post && { post }) }, { node: node.name });
}
