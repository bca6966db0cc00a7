import type { DenseOp } from "../program.ts";
import { code } from "./code.ts";

/** acc[m] = Σ_k weights[m, k] · input[k] for one row, in int32 with wraparound; output[m] = post(acc[m]). `weights` is (M, K), row-major. */
export function dense({ weights, post }: DenseOp, [input, other]: readonly Int32Array[], output: Int32Array): void {
  const K = input!.length;
  for (let m = 0; m < output.length; m++) {
    let acc = 0;
    for (let k = 0; k < K; k++) acc = (acc + weights[m * K + k]! * input![k]!) | 0;
    output[m] = post ? code(post, m, acc, other?.[m]) : acc;
  }
}
