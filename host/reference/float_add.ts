import type { FloatAddOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** output[e] = a[e] + b[e] */
export function floatAdd(
  _: FloatAddOp,
  [a, b]: readonly Int32Array[],
  output: Int32Array,
  __: readonly Picture[],
  { channels }: Picture,
): void {
  const y = floatsOf(b!);
  storeFloats(
    output,
    channels,
    floatsOf(a!).map((x, i) => x + y[i]!),
  );
}
