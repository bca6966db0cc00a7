import { at, quantize, zeroPoint } from "./numbers/quantizer.ts";
import { softmax } from "./numbers/softmax.ts";
import { applySteps } from "./numbers/step.ts";
import type { Description, OutputDescription, Program } from "./program.ts";

/** What the checkpoint's output is, (rows, channels), for the elements of an output tensor. */
export function scores(output: OutputDescription, elements: Int32Array, rows: number): Float32Array {
  if (output.kind === "index") return Float32Array.from(elements);
  const channels = elements.length / rows;
  const real = Float64Array.from(elements, (element, i) => {
    const c = i % channels;
    return applySteps(output.steps, (element + at(output.offset, c)) * at(output.scale, c), c);
  });
  if (output.softmax) {
    for (let row = 0; row < rows; row++) softmax(real.subarray(row * channels, (row + 1) * channels));
  }
  return Float32Array.from(real, (x) => Math.fround(x) + 0); // + 0 turns −0 into 0
}

/** The elements of tensor `inputs[index].codes` for real inputs `x`, (rows, channels), without NaN. */
export function inputCodes(description: Description, index: number, x: Float32Array, rows: number): Int32Array {
  const { steps, quantizer, codes } = description.inputs[index]!;
  const { offset } = description.tensors[codes]!;
  const channels = x.length / rows;
  return Int32Array.from(x, (value, i) => {
    const c = i % channels;
    const q = quantize(quantizer, applySteps(steps, value, c), c);
    return q - zeroPoint(quantizer, c) - at(offset, c);
  });
}

/** Classes that an output tells apart: its channels, or for an index those that the argmax reads. */
export function classCount({ tensors, outputs, ops }: Program, index: number): number {
  const op = ops.find(({ output }) => output === outputs[index]);
  return tensors[op?.kind === "argmax" ? op.input : outputs[index]!]!.channels;
}
