import type { ConcatOp } from "../program.ts";
import type { Picture } from "../shape.ts";

/** output[y, x] = the channels of a[y, x], then those of b[y, x], for one row. */
export function concat(
  _: ConcatOp,
  [a, b]: readonly Int32Array[],
  output: Int32Array,
  [ofA, ofB]: readonly Picture[],
  { channels }: Picture,
): void {
  for (let position = 0; position * channels < output.length; position++) {
    const first = position * channels;
    for (let c = 0; c < channels; c++) {
      const other = c - ofA!.channels;
      output[first + c] = other < 0 ? a![position * ofA!.channels + c]! : b![position * ofB!.channels + other]!;
    }
  }
}
