import { at, quantize, zeroPoint } from "./numbers/quantizer.ts";
import { softmax } from "./numbers/softmax.ts";
import { applySteps } from "./numbers/step.ts";
import type { Description, OutputDescription, Program } from "./program.ts";

/** What the checkpoint's output is, (rows, channels), for the elements of an output tensor. */
export function scores(output: OutputDescription, elements: Int32Array, rows: number): Float32Array {
  if (output.kind === "index") return new Float32Array(elements);
  const channels = elements.length / rows;
  const real = new Float64Array(elements.length);
  for (let i = 0; i < elements.length; i++) {
    const c = i % channels;
    real[i] = applySteps(output.steps, (elements[i]! + at(output.offset, c)) * at(output.scale, c), c);
  }
  if (output.softmax) {
    for (let row = 0; row < rows; row++) softmax(real.subarray(row * channels, (row + 1) * channels));
  }
  const rounded = new Float32Array(real.length);
  for (let i = 0; i < real.length; i++) rounded[i] = real[i]! + 0; // turns −0 into 0; a `map` takes longer than a small network's last layer
  return rounded;
}

/** The elements of tensor `inputs[index].codes` for real inputs `x`, (rows, channels), without NaN. */
export function inputCodes(description: Description, index: number, x: Float32Array, rows: number): Int32Array {
  const { steps, quantizer, codes } = description.inputs[index]!;
  const { offset } = description.tensors[codes]!;
  const channels = x.length / rows;
  const elements = new Int32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    elements[i] = quantize(quantizer, applySteps(steps, x[i]!, c), c) - zeroPoint(quantizer, c) - at(offset, c);
  }
  return elements;
}

/** Classes that an output tells apart: its channels, or for an index those that the argmax reads. */
export function classCount({ tensors, outputs, ops }: Program, index: number): number {
  const op = ops.find(({ output }) => output === outputs[index]);
  return tensors[op?.kind === "argmax" ? op.input : outputs[index]!]!.channels;
}
