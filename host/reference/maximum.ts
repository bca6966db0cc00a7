import type { MaximumOp } from "../program.ts";

/** output[c] = the greater of a[c] and b[c] for one row. */
export function maximum(_: MaximumOp, [a, b]: readonly Int32Array[], output: Int32Array): void {
  for (let c = 0; c < output.length; c++) output[c] = Math.max(a![c]!, b![c]!);
}
