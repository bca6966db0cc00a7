import { InputError } from "./errors.ts";
import { at, quantize, zeroPoint } from "./numbers/quantizer.ts";
import { softmax } from "./numbers/softmax.ts";
import { applySteps } from "./numbers/step.ts";
import type { Description, OutputDescription, Program } from "./program.ts";

/**
 * What the checkpoint's output is, (rows, channels), for the elements of an output tensor. Never NaN: where steps give none (the root of a
 * negative number, zero times infinity), InputError.
 */
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
  for (let i = 0; i < found.length; i++) {
    if (Number.isNaN(found[i])) throw notANumber(`output "${output.name}"`, i, channels);
  }
  return found instanceof Float32Array ? found : Float32Array.from(found);
}

function notANumber(where: string, element: number, channels: number): InputError {
  const [row, channel] = [Math.floor(element / channels), element % channels];
  return new InputError(`${where}: its steps give no number for row ${row}, element ${channel}`);
}

/** The elements of tensor `inputs[index].codes` for real inputs `x`, (rows, channels), without NaN. Throws InputError where steps make one. */
export function inputCodes(description: Description, index: number, x: Float32Array, rows: number): Int32Array {
  const { name, steps, quantizer, codes } = description.inputs[index]!;
  const { offset } = description.tensors[codes]!;
  const channels = x.length / rows;
  const elements = new Int32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    const code = quantize(quantizer, applySteps(steps, x[i]!, c), c);
    if (Number.isNaN(code)) throw notANumber(`input "${name}"`, i, channels);
    elements[i] = code - zeroPoint(quantizer, c) - at(offset, c);
  }
  return elements;
}

/** Classes that an output tells apart: its channels, or for an index those that the argmax reads. */
export function classCount({ tensors, outputs, ops }: Program, index: number): number {
  const op = ops.find(({ output }) => output === outputs[index]);
  return tensors[op?.kind === "argmax" ? op.input : outputs[index]!]!.channels;
}
