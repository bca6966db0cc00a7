import type { MaxpoolOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { insideTaps } from "../window.ts";

/** output[y, x, c] = the greatest input[tap, c] of the taps inside the input for one row; 0 where none is, which as a bit is +1. */
export function maxpool(
  { window }: MaxpoolOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  [from]: readonly Picture[],
  { height, width, channels }: Picture,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const taps = insideTaps(window, from!, y, x);
      for (let c = 0; c < channels; c++) {
        const greatest = taps.reduce((most, position) => Math.max(most, input![position * channels + c]!), -Infinity);
        output[(y * width + x) * channels + c] = taps.length > 0 ? greatest : 0;
      }
    }
  }
}
