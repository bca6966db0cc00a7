import { at } from "../../numbers/quantizer.ts";
import type { WeightDtype } from "../../program.ts";
import { type Form, scalar } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { vectorProblem } from "./meaning.ts";

/** Weights as integers: real weight = codes[m · inputs + k] · scale[m]. */
export interface Weights {
  /** Name of the tensor in the checkpoint. */
  name: string;
  /** Output channels M, and weights of each, K. */
  outputs: number;
  inputs: number;
  /** (M, K), row-major, zero point already subtracted; the weights themselves where `found` is "float". */
  codes: Int32Array | Float64Array;
  /** Length 1 or M. */
  scale: Float64Array;
  /** What the file calls the scale, where its own arithmetic behind the sums has it (`rescale`) and `scale` is 1. */
  fileScale?: Float64Array;
  /**
   * What the checkpoint held: float weights behind a quantizer that changes them, or that leaves them as they are; integers
   * times a scale; bare floats without a quantizer, whose grid was found (checkpoint/grid.ts); or floats on no grid, of a scale of 1, which only a float graph has.
   */
  found: "latent" | "on-grid" | "integers" | "bare" | "float";
  /** Bits that the checkpoint declares or, where it does not, that its codes need. */
  bits?: number;
}

/** Codes that each dtype holds, the smallest dtype first. */
const RANGES: [WeightDtype, number, number][] = [
  ["ternary", -1, 1],
  ["int2", -2, 1],
  ["int3", -4, 3],
  ["int4", -8, 7],
  ["int8", -128, 127],
];

export function isBinary(codes: Weights["codes"] | Int8Array): boolean {
  return codes.every((code) => code === 1 || code === -1);
}

/** The smallest dtype that holds all codes; undefined where none does. */
export function smallestDtype(codes: Weights["codes"] | Int8Array): WeightDtype | undefined {
  if (isBinary(codes)) return "binary";
  return RANGES.find(([, min, max]) => codes.every((code) => code >= min && code <= max))?.[0];
}

/** A node that multiplies codes by constant weights. */
export interface WeightedNode extends NodeBase {
  weights: Weights;
}

/** What is wrong with weights of which each output channel should have `inputs`. */
export function weightsProblem({ name, outputs, inputs, codes, scale }: Weights, expected: number): string | undefined {
  if (inputs !== expected) return `weights "${name}" have ${inputs} inputs, expected ${expected}`;
  if (codes.length !== outputs * inputs)
    return `weights "${name}" hold ${codes.length} codes, expected ${outputs * inputs}`;
  return vectorProblem(`scale of weights "${name}"`, scale, outputs, Number.isFinite, "finite numbers");
}

/** Real value of an accumulator's unit: activation scale, which is 1 of real numbers, times weight scale; of length 1 or M. */
export function accumulatorScale({ weights }: Pick<WeightedNode, "weights">, input: Form): Float64Array {
  const activation = input.kind === "real" ? 1 : scalar(input.scale)!;
  return weights.scale.map((weight) => activation * weight);
}

/** Makes real numbers of accumulators in place. Returns the accumulators. */
export function scaleSums(numbers: Float64Array, channels: number, scale: Float64Array): Float64Array {
  const sums = numbers.slice();
  for (let i = 0; i < sums.length; i++) numbers[i]! *= at(scale, i % channels);
  return sums;
}
