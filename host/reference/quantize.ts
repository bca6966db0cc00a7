import type { QuantizeOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { code } from "./code.ts";

/** output[c] = post(input[c]) at every position of one row. */
export function quantize(
  { post }: QuantizeOp,
  [input, other]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  for (let i = 0; i < output.length; i++) output[i] = code(post, i % channels, input![i]!, other?.[i]);
}
