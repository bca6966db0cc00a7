import type { AvgpoolOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { insideTaps } from "../window.ts";
import { code } from "./code.ts";

/** acc[y, x, c] = Σ input[tap, c] over the taps inside the input for one row, in int32 with wraparound; output = post(acc). */
export function avgpool(
  { window, post }: AvgpoolOp,
  [input, other]: readonly Int32Array[],
  output: Int32Array,
  [from]: readonly Picture[],
  { height, width, channels }: Picture,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const taps = insideTaps(window, from!, y, x);
      for (let c = 0; c < channels; c++) {
        const acc = taps.reduce((sum, position) => (sum + input![position * channels + c]!) | 0, 0);
        const i = (y * width + x) * channels + c;
        output[i] = post ? code(post, c, acc, other?.[i]) : acc;
      }
    }
  }
}
