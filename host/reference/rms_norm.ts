import { inverseSqrt, sum } from "../numbers/f32.ts";
import type { RmsNormOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** output = post(x · 1 / √(mean of x² + epsilon)) at every position of one row. */
export function rmsNorm(
  { epsilon, post }: RmsNormOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  const x = floatsOf(input!);
  for (let first = 0; first < x.length; first += channels) {
    const position = x.subarray(first, first + channels);
    const square = Math.fround(sum(channels, (c) => Math.fround(position[c]! * position[c]!)) / channels);
    const factor = inverseSqrt(Math.fround(square + epsilon));
    for (let c = 0; c < channels; c++) position[c]! *= factor;
  }
  storeFloats(output, channels, x, post);
}
