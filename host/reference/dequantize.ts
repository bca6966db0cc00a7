import type { DequantizeOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { storeFloats } from "./floats.ts";

/** output[c] = f32(input[c]) · scale + bias at every position of one row. */
export function dequantize(
  { post }: DequantizeOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  storeFloats(output, channels, input!, post);
}
