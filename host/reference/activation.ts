import { gelu, geluTanh, relu2, silu } from "../numbers/f32.ts";
import type { ActivationFunction, ActivationOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";

/** The functions, of f32. */
export const FUNCTIONS: Record<ActivationFunction, (x: number) => number> = {
  relu: (x) => (x > 0 ? x : 0),
  relu2,
  gelu,
  gelu_tanh: geluTanh,
  silu,
};

/** output[e] = function(input[e]) */
export function activation(
  { function: name }: ActivationOp,
  [input]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { channels }: Picture,
): void {
  storeFloats(output, channels, floatsOf(input!).map(FUNCTIONS[name]));
}
