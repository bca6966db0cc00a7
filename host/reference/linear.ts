import { fromOrderKey, orderKey } from "../numbers/order.ts";
import type { LinearOp } from "../program.ts";
import type { Shape } from "../shape.ts";
import { floatOf } from "./floats.ts";

/** acc[m] = Σ_k weights[m, k] · code[k] at every position of one row, in int32 with wraparound; output[m] = f32(acc) · (the position's scale · scale) + bias. */
export function linear(
  { weights, post }: LinearOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  [from]: readonly Shape[],
  { channels: M }: Shape,
): void {
  const { dtype, channels: K } = from!;
  const first = dtype === "scaled8" ? 1 : 0; // behind the scale
  for (let at = 0, to = 0; to < output.length; at += first + K) {
    const scale = first ? fromOrderKey(input![at]!) : 1;
    for (let m = 0; m < M; m++) {
      let acc = 0;
      for (let k = 0; k < K; k++) acc = (acc + weights[m * K + k]! * input![at + first + k]!) | 0;
      output[to++] = orderKey(floatOf(post, m, Math.fround(acc), scale));
    }
  }
}
