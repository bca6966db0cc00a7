import type { DenseNode } from "../../graph/ops/dense.ts";
import type { DenseOp } from "../../program.ts";
import { positionCount } from "../../shape.ts";
import type { Builder } from "../builder.ts";
import { weightDtype } from "../weights.ts";
import { addConvolution } from "./conv2d.ts";
import type { OpLowering } from "./lowering.ts";
import { sumElements, tensorsOf } from "./sums.ts";

export const denseLowering: OpLowering<DenseNode> = {
  elements: sumElements,

  /** A layer whose sums nobody else reads is one op with the quantizer behind it (codes.ts). */
  lower(node, builder) {
    if (builder.plan.sums.has(node.output)) addDense(node, node.output, builder);
  },
};

/** The op of a layer, whose output is its sums or, with a post, codes. Of a picture it is a convolution with a kernel as large as the picture. */
export function addDense(
  node: DenseNode,
  output: string,
  builder: Builder,
  post?: DenseOp["post"],
  second?: string,
): void {
  const input = builder.shapes.get(node.inputs[0]!)!;
  if (positionCount(input) > 1) {
    const { height, width } = input;
    const whole = { strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0 };
    const window = { kernelHeight: height, kernelWidth: width, ...whole };
    addConvolution(node, window, 1, output, builder, post, second);
    return;
  }
  const op: DenseOp = {
    kind: "dense",
    inputs: tensorsOf(node, builder, second),
    output: builder.addTensor(output),
    dtype: weightDtype(node),
    weights: Int8Array.from(node.weights.codes),
    ...(post && { post }),
  };
  builder.addOp(op, { node: node.name, weights: node.weights.name });
}
