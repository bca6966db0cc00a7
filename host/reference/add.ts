import type { AddOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { code } from "./code.ts";

/** acc = factors[0] · a + factors[1] · b, element by element of one row, in int32 with wraparound; output = post(acc). */
export function add(
  { factors, post }: AddOp,
  [a, b]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  for (let i = 0; i < output.length; i++) {
    const acc = (Math.imul(factors[0], a![i]!) + Math.imul(factors[1], b![i]!)) | 0;
    output[i] = post ? code(post, i % channels, acc) : acc;
  }
}
