import type { Conv2dOp, Program, Tensor } from "../../host/program.ts";
import { conv2d } from "../../host/reference/conv2d.ts";
import { elementCount, rowStride } from "../../host/shape.ts";
import type { Activation } from "./activations.ts";
import type { Convolution } from "./convolution.ts";
import { codesOf, type ModuleTask } from "./module_matmul.ts";

/** A convolution as the module gets it: one op without post, codes of x → accumulators. The activations have no zero point. */
export function moduleConvolution(task: Convolution, activation: Activation): ModuleTask {
  const { dtype, height, width, inputs, outputs, kernel, codes, x } = task;
  const input: Tensor = { dtype: activation.dtype, height, width, channels: inputs, fixed: 0, perRow: 0 };
  const output: Tensor = { dtype: "i32", height, width, channels: outputs, fixed: 0, perRow: rowStride(input) };
  const pad = (kernel - 1) / 2;
  const op: Conv2dOp = {
    ...{ kind: "conv2d", inputs: [0], output: 1, groups: 1, pad: 0, dtype, weights: codes },
    window: {
      ...{ kernelHeight: kernel, kernelWidth: kernel, strideY: 1, strideX: 1 },
      ...{ dilationY: 1, dilationX: 1, padTop: pad, padLeft: pad },
    },
  };
  const program: Program = {
    ...{ modelId: 0n, modelVersion: 0, maxRows: 1, tensors: [input, output], ops: [op], inputs: [0], outputs: [1] },
    arena: { fixed: 0, perRow: output.perRow + rowStride(output) },
  };
  return { x, activation, program, offsets: new Int32Array(elementCount(output)) };
}

/** The accumulators that the definition gives. */
export function convolutionSums(task: ModuleTask): Int32Array {
  const [input, output] = task.program.tensors as [Tensor, Tensor];
  const sums = new Int32Array(elementCount(output));
  conv2d(task.program.ops[0] as Conv2dOp, [codesOf(task, 0)], sums, [input], output);
  return sums;
}
