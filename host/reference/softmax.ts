import { exp, sum } from "../numbers/f32.ts";
import type { SoftmaxOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** e^(x − max) / Σ e^(x − max) of a vector, in place. */
export function softmaxOf(x: Float32Array): void {
  const most = x.reduce((most, each) => (each > most ? each : most), -Infinity);
  for (let i = 0; i < x.length; i++) x[i] = exp(Math.fround(x[i]! - most));
  const all = sum(x.length, (i) => x[i]!);
  for (let i = 0; i < x.length; i++) x[i]! /= all;
}

/** The softmax over the channels of every position of one row. */
export function softmax(
  _: SoftmaxOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  __: readonly Picture[],
  { channels }: Picture,
): void {
  const x = floatsOf(input!);
  for (let first = 0; first < x.length; first += channels) softmaxOf(x.subarray(first, first + channels));
  storeFloats(output, channels, x);
}
