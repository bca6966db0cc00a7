import type { PatchesOp } from "../program.ts";
import type { Picture } from "../shape.ts";

/** output[y, x, (ky, kx, c)] = input[y · height + ky, x · width + kx, c] of one row. */
export function patches(
  { height, width }: PatchesOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  [from]: readonly Picture[],
  to: Picture,
): void {
  let at = 0;
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) {
      for (let ky = 0; ky < height; ky++) {
        const first = ((y * height + ky) * from!.width + x * width) * from!.channels;
        for (let i = 0; i < width * from!.channels; i++) output[at++] = input![first + i]!;
      }
    }
  }
}
