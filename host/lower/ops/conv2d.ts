import { UnsupportedError } from "../../base/errors.ts";
import type { Conv2dNode } from "../../graph/ops/conv2d.ts";
import type { WeightedNodes } from "../../graph/ops/weighted.ts";
import { hasPadding } from "../../graph/ops/window.ts";
import type { Conv2dOp, Window } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import type { Builder } from "../builder.ts";
import { weightDtype } from "../weights.ts";
import type { OpLowering } from "./lowering.ts";
import { padElement, sumElements, tensorsOf } from "./sums.ts";
import { storedWindow } from "./window.ts";

export const conv2dLowering: OpLowering<Conv2dNode> = {
  elements: sumElements,

  lower(node, builder) {
    if (builder.plan.sums.has(node.output)) addConv2d(node, node.output, builder);
  },
};

/** The op of a convolution, whose output is its sums or, with a post, codes. */
export function addConv2d(
  node: Conv2dNode,
  output: string,
  builder: Builder,
  post?: Conv2dOp["post"],
  second?: string,
): void {
  const window = storedWindow(node, builder);
  const input = builder.elements.get(builder.plan.sameCodes(node.inputs[0]!))!;
  if (hasPadding(node.window) && padElement(input) === undefined) {
    const shape = `[${shapeText(builder.shapes.get(node.inputs[0]!)!)}]`;
    const why = "no code of its input stands for 0, with which it is padded";
    const instead = "a quantizer of at most 8 bits, with a code for 0";
    throw new UnsupportedError([{ node: node.name, op: "conv2d", shape, why, instead }]);
  }
  addConvolution(node, window, node.groups, output, builder, post, second);
}

/** The op of a layer whose output positions see a window of the input. */
export function addConvolution(
  node: WeightedNodes,
  window: Window,
  groups: number,
  output: string,
  builder: Builder,
  post?: Conv2dOp["post"],
  second?: string,
): void {
  const input = builder.elements.get(builder.plan.sameCodes(node.inputs[0]!))!;
  const op: Conv2dOp = {
    kind: "conv2d",
    inputs: tensorsOf(node, builder, second),
    output: builder.addTensor(output),
    window,
    groups,
    pad: input.dtype === "bit" ? 0 : (padElement(input) ?? 0),
    dtype: weightDtype(node),
    weights: Int8Array.from(node.weights.codes),
    ...(post && { post }),
  };
  builder.addOp(op, { node: node.name, weights: node.weights.name });
}
