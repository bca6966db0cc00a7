import { InputError } from "../../base/errors.ts";
import { elementCount, isSameShape, type Picture, shapeText } from "../../shape.ts";
import { type Form, realNumber } from "../form.ts";
import type { NodeBase } from "../node.ts";

/** A value of a run: (rows, height, width, channels), in its form. */
export interface Value extends Picture {
  numbers: Float64Array;
  form: Form;
}

/**
 * What a node makes: codes or sums of its own, the same with each number changed by itself, floats of a region, or something that only serves an output.
 */
export type Role = "codes" | "sums" | "element" | "float" | "end";

/** What nodes of an op mean. */
export interface OpMeaning<N extends NodeBase> {
  role: Role;
  /** Whether they can only read codes, as integer sums do. */
  readsCodes: boolean;
  /** How many values they read; what `inputsOf` says, where that depends on the node. */
  inputs: number;
  inputsOf?(node: N): number;
  /** Shape of the output, for inputs of these shapes. */
  shape(node: N, inputs: readonly Picture[]): Picture;
  /** What is wrong with their constants, for inputs of these shapes. */
  problem(node: N, inputs: readonly Picture[]): string | undefined;
  /** The form of the output. */
  form(node: N, inputs: readonly Form[]): Form;
  /**
   * Fills `output`, whose form is `form`'s. Returns the integers that a run shows (`Trace` of evaluate.ts): none, those of the output, or what came
   * before it. Throws InputError for NaN where that has no meaning.
   */
  evaluate(node: N, inputs: readonly Value[], output: Value): Float64Array | undefined;
}

/** What is wrong with two inputs, of which an op combines the elements pair by pair. */
export function unequalShapes(_: NodeBase, [a, b]: readonly Picture[]): string | undefined {
  return isSameShape(a!, b!)
    ? undefined
    : `reads ${shapeText(a!)} and ${shapeText(b!)} channels, expected as many of both`;
}

/** What is wrong with a vector that should have one entry, or one per channel. */
export function vectorProblem(
  name: string,
  vector: Float64Array,
  channels: number,
  valid: (x: number) => boolean,
  expected: string,
): string | undefined {
  if (vector.length !== 1 && vector.length !== channels) {
    return `${name} has ${vector.length} entries, expected 1 or ${channels}`;
  }
  const bad = vector.findIndex((x) => !valid(x));
  return bad < 0 ? undefined : `${name} has ${vector[bad]} at ${bad}, expected ${expected}`;
}

/** The real numbers of a value. */
export function realNumbers({ numbers, channels, form }: Value): Float64Array {
  return form.kind === "real" ? numbers : numbers.map((x, i) => realNumber(form, x, i % channels));
}

export function refuseNaN(where: string, value: Value): void {
  const bad = value.numbers.findIndex(Number.isNaN);
  if (bad < 0) return;
  const [sample, element] = [Math.floor(bad / elementCount(value)), bad % elementCount(value)];
  throw new InputError(`${where}: sample ${sample}, channel ${element} is NaN, expected a number`);
}
