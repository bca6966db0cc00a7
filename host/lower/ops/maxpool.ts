import type { MaxpoolNode } from "../../graph/ops/maxpool.ts";
import type { OpLowering } from "./lowering.ts";
import { storedWindow } from "./window.ts";

export const maxpoolLowering: OpLowering<MaxpoolNode> = {
  /** Some of the input's elements. */
  elements: ({ inputs: [input] }, { plan, elements }) => elements.get(plan.sameCodes(input!)),

  lower(node, builder) {
    const window = storedWindow(node, builder);
    const inputs = [builder.tensorOf(node.inputs[0]!)];
    builder.addOp({ kind: "maxpool", inputs, output: builder.addTensor(node.output), window }, { node: node.name });
  },
};
