import type { QuantizeOp } from "../program.ts";
import { code } from "./code.ts";

/** output[c] = post(input[c]) for one row. */
export function quantize({ post }: QuantizeOp, [input]: readonly Int32Array[], output: Int32Array): void {
  for (let c = 0; c < output.length; c++) output[c] = code(post, c, input![c]!);
}
