import type { UpsampleOp } from "../program.ts";
import type { Picture } from "../shape.ts";

/** output[y, x] = input[⌊y / factorY⌋, ⌊x / factorX⌋] for one row. */
export function upsample(
  { factorY, factorX }: UpsampleOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  [from]: readonly Picture[],
  { height, width, channels }: Picture,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const position = Math.floor(y / factorY) * from!.width + Math.floor(x / factorX);
      for (let c = 0; c < channels; c++) {
        output[(y * width + x) * channels + c] = input![position * channels + c]!;
      }
    }
  }
}
