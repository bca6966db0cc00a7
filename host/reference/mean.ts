import { sum } from "../numbers/f32.ts";
import type { MeanOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** output[c] = Σ input[p, c] / positions of one row. */
export function mean(
  _: MeanOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  __: readonly Picture[],
  { channels }: Picture,
): void {
  const x = floatsOf(input!);
  const positions = x.length / channels;
  storeFloats(
    output,
    channels,
    Float32Array.from(output, (_, c) => sum(positions, (p) => x[p * channels + c]!) / positions),
  );
}
