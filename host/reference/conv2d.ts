import type { Conv2dOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { tapsOf } from "../window.ts";
import { code } from "./code.ts";

/**
 * acc[y, x, m] = Σ weights[m, ky, kx, c] · input[tap, first + c] for one row, in int32 with wraparound; output = post(acc). A tap outside the input
 * is `pad`.
 */
export function conv2d(
  { window, groups, pad, weights, post }: Conv2dOp,
  [input, other]: readonly Int32Array[],
  output: Int32Array,
  [from]: readonly Picture[],
  to: Picture,
): void {
  const [inputs, outputs] = [from!.channels / groups, to.channels / groups];
  const elements = input!;
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) {
      const taps = tapsOf(window, from!, y, x);
      for (let m = 0; m < to.channels; m++) {
        const first = Math.floor(m / outputs) * inputs;
        let acc = 0;
        let weight = m * taps.length * inputs;
        for (const position of taps) {
          const at = position * from!.channels + first;
          for (let c = 0; c < inputs; c++) {
            acc = (acc + weights[weight++]! * (position < 0 ? pad : elements[at + c]!)) | 0;
          }
        }
        const i = (y * to.width + x) * to.channels + m;
        output[i] = post ? code(post, m, acc, other?.[i]) : acc;
      }
    }
  }
}
