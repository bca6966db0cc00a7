import { sum } from "../numbers/f32.ts";
import type { FloatLinearOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** output[m] = post(Σ_k floats[m, k] · input[k]) at every position of one row. */
export function floatLinear(
  { floats, post }: FloatLinearOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  [from]: readonly Picture[],
  { channels: M }: Picture,
): void {
  const [x, K] = [floatsOf(input!), from!.channels];
  const products = Float32Array.from(output, (_, i) => {
    const [at, weight] = [Math.floor(i / M) * K, (i % M) * K];
    return sum(K, (k) => Math.fround(floats[weight + k]! * x[at + k]!));
  });
  storeFloats(output, M, products, post);
}
