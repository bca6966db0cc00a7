import type { Codes } from "../../graph/form.ts";
import { accumulatorScale, type DenseNode } from "../../graph/ops/dense.ts";
import { at } from "../../numbers/quantizer.ts";
import type { DenseOp } from "../../program.ts";
import type { Builder } from "../builder.ts";
import { compact, isScalar } from "../elements.ts";
import { accumulatorOffset, accumulatorRange, weightDtype } from "../weights.ts";
import type { OpLowering } from "./lowering.ts";

export const denseLowering: OpLowering<DenseNode> = {
  /** Accumulators over stored codes. */
  elements(node, { plan, form, elements }) {
    const [value] = node.inputs as [string];
    weightDtype(node);
    const input = elements.get(plan.sameCodes(value));
    if (!input) return undefined; // refused for a reason that is on the list
    const offset = compact(accumulatorOffset(node.weights, input.offset));
    const scale = accumulatorScale(node, form.get(value) as Codes);
    return {
      dtype: "i32",
      channels: node.channels,
      offset,
      source: {
        ...accumulatorRange(node, input.source.min, input.source.max),
        start: (element, channel) => (element + at(offset, channel)) * at(scale, channel),
        uniform: isScalar(offset) && isScalar(scale),
      },
    };
  },

  /** A layer whose sums nobody else reads is one op with the quantizer behind it (codes.ts). */
  lower(node, builder) {
    if (builder.plan.sums.has(node.output)) addDense(node, node.output, builder);
  },
};

/** The op of a layer, whose output is its sums or, with a post, codes. */
export function addDense(node: DenseNode, output: string, builder: Builder, post?: DenseOp["post"]): void {
  const op: DenseOp = {
    kind: "dense",
    inputs: node.inputs.map((input) => builder.tensorOf(input)),
    output: builder.addTensor(output),
    dtype: weightDtype(node),
    weights: Int8Array.from(node.weights.codes),
    ...(post && { post }),
  };
  builder.addOp(op, { node: node.name, weights: node.weights.name });
}
