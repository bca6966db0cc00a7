import { at, quantize, zeroPoint } from "./numbers/quantizer.ts";
import { softmax } from "./numbers/softmax.ts";
import { applySteps } from "./numbers/step.ts";
import type { Description, OutputDescription, Program } from "./program.ts";

/** What the checkpoint's output is, (rows, channels), for the elements of an output tensor. */
export function scores(output: OutputDescription, elements: Int32Array, rows: number): Float32Array {
  if (output.kind === "index") return new Float32Array(elements);
  const { offset, scale, steps } = output;
  const channels = elements.length / rows;
  const found = output.softmax ? new Float64Array(elements.length) : new Float32Array(elements.length);
  for (let first = 0; first < elements.length; first += channels) {
    for (let c = 0; c < channels; c++) {
      let score = (elements[first + c]! + at(offset, c)) * at(scale, c);
      if (steps.length > 0) score = applySteps(steps, score, c);
      found[first + c] = score + 0; // turns −0 into 0
    }
    if (found instanceof Float64Array) softmax(found.subarray(first, first + channels));
  }
  return found instanceof Float32Array ? found : Float32Array.from(found);
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
