import { InputError } from "../base/errors.ts";
import { fromOrderKey, orderKey } from "../numbers/order.ts";
import { at, codeRange, quantize, zeroPoint } from "../numbers/quantizer.ts";
import { softmax } from "../numbers/softmax.ts";
import { applySteps } from "../numbers/step.ts";
import { ELEMENTS, realOf } from "../numbers/unit.ts";
import type { Description, OutputDescription, Program } from "../program.ts";
import type { Picture, Shape } from "../shape.ts";

/**
 * What the checkpoint's output is, (rows, positions, channels), for the elements of an output tensor. Never NaN: where steps give none (the root of a
 * negative number, zero times infinity), InputError.
 */
export function scores(
  output: OutputDescription,
  { dtype, height, width, channels }: Shape,
  elements: Int32Array,
): Float32Array {
  if (output.kind === "index") return new Float32Array(elements);
  const { offset, scale, steps } = output;
  const fixed = typeof output.softmax === "object" ? output.softmax : undefined;
  const found = output.softmax ? new Float64Array(elements.length) : new Float32Array(elements.length);
  for (let i = 0; i < elements.length; i++) {
    const c = i % channels;
    let score = dtype === "f32" ? fromOrderKey(elements[i]!) : (elements[i]! + at(offset, c)) * at(scale, c);
    if (steps.length > 0) score = applySteps(steps, score, c);
    found[i] = score + 0; // turns −0 into 0
  }
  if (found instanceof Float64Array) {
    for (let first = 0; first < found.length; first += channels) {
      softmax(found.subarray(first, first + channels), fixed, output.quantizer);
    }
  }
  for (let i = 0; i < found.length; i++) {
    if (Number.isNaN(found[i])) throw notANumber(`output "${output.name}"`, i, height * width * channels);
  }
  return found instanceof Float32Array ? found : Float32Array.from(found);
}

/** `count` is how many elements a row has. */
function notANumber(where: string, element: number, count: number): InputError {
  return new InputError(
    `${where}: its steps give no number for row ${Math.floor(element / count)}, element ${element % count}`,
  );
}

/**
 * The elements of tensor `inputs[index].codes`, which has this shape, for real inputs `x`, (rows, positions, channels), without NaN. Throws InputError
 * where steps make one.
 */
export function inputCodes(
  description: Description,
  index: number,
  { height, width, channels }: Picture,
  x: Float32Array,
): Int32Array {
  const { name, wide = [], steps, quantizer, codes } = description.inputs[index]!;
  if (!quantizer) return Int32Array.from(x, orderKey); // the floats themselves, which begin a float region
  const { offset } = description.tensors[codes]!;
  const elements = new Int32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    const real = wide.reduce((number, before) => {
      const code = quantize(before.quantizer, applySteps(before.steps, number, c), c);
      return (code - zeroPoint(before.quantizer, c)) * at(before.scale, c);
    }, x[i]!);
    const code = quantize(quantizer, applySteps(steps, real, c), c);
    if (Number.isNaN(code)) throw notANumber(`input "${name}"`, i, height * width * channels);
    elements[i] = code - zeroPoint(quantizer, c) - at(offset, c);
  }
  return elements;
}

/**
 * The first of some real inputs, (rows, channels), that no element could stand for, or −1. It matters for quantizers of more codes than
 * a byte holds: the program only holds those that elements reach.
 */
export function beyondElements({ tensors, inputs, description }: Program, index: number, x: Float32Array): number {
  const { dtype, channels } = tensors[inputs[index]!]!;
  const { unit, quantizer } = description!.inputs[index]!;
  const [min, max] = ELEMENTS[dtype] ?? [];
  if (min === undefined || max === undefined || !quantizer) return -1;
  const codes = codeRange(quantizer);
  if (codes.max - codes.min <= 255) return -1;
  const real = realOf(unit, channels);
  return x.findIndex((number, i) => {
    const [a, b] = [real(min, i % channels), real(max, i % channels)];
    return number < Math.min(a, b) || number > Math.max(a, b);
  });
}

/** How an output tells a class: it is its index, one score whose sign says it (class 1: at least 0), or has a score for each. */
export type Readout = "index" | "sign" | "greatest";

export function readoutOf({ tensors, outputs, ops }: Program, index: number): Readout {
  const output = outputs[index]!;
  if (ops.some((op) => op.kind === "argmax" && op.output === output)) return "index";
  return tensors[output]!.channels === 1 ? "sign" : "greatest";
}

/** Classes that an output tells apart. */
export function classCount(program: Program, index: number): number {
  const { tensors, outputs, ops } = program;
  const output = outputs[index]!;
  switch (readoutOf(program, index)) {
    case "index":
      return tensors[ops.find((op) => op.output === output)!.inputs[0]!]!.channels;
    case "sign":
      return 2;
    case "greatest":
      return tensors[output]!.channels;
  }
}

/** Class that an output (of all `rows` rows) tells of a row; the first among the greatest scores. */
export function classOf(readout: Readout, scores: Float32Array, row: number, rows: number): number {
  if (readout === "index") return scores[row]!;
  if (readout === "sign") return scores[row]! >= 0 ? 1 : 0;
  const channels = scores.length / rows;
  const own = scores.subarray(row * channels, (row + 1) * channels);
  return own.indexOf(own.reduce((a, b) => Math.max(a, b)));
}
