import type { AddOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { code } from "./code.ts";

/** acc = a + b, element by element of one row; output = post(acc). */
export function add(
  { post }: AddOp,
  [a, b]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  for (let i = 0; i < output.length; i++) {
    const acc = a![i]! + b![i]!;
    output[i] = post ? code(post, i % channels, acc) : acc;
  }
}
