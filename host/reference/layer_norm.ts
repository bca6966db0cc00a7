import { inverseSqrt, sum } from "../numbers/f32.ts";
import type { LayerNormOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** output = post((x − mean) · 1 / √(variance + epsilon)) at every position of one row. */
export function layerNorm(
  { epsilon, post }: LayerNormOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  const x = floatsOf(input!);
  for (let first = 0; first < x.length; first += channels) {
    const position = x.subarray(first, first + channels);
    const mean = Math.fround(sum(channels, (c) => position[c]!) / channels);
    for (let c = 0; c < channels; c++) position[c]! -= mean;
    const variance = Math.fround(sum(channels, (c) => Math.fround(position[c]! * position[c]!)) / channels);
    const factor = inverseSqrt(Math.fround(variance + epsilon));
    for (let c = 0; c < channels; c++) position[c]! *= factor;
  }
  storeFloats(output, channels, x, post);
}
