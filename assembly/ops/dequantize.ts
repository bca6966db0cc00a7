import { Tensor } from "../blob";
import { inputOf, outputOf, positionAt, positionsOfAll } from "../regions";
import { element } from "./elements";

/** output[c] = f32(input[c]) · scale + bias at every position. */
export function dequantize(op: usize): void {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(input, Tensor.channels);
  for (let i = positionsOfAll(input); i--; ) {
    const from = positionAt(input, i);
    const to = positionAt(output, i);
    for (let c: u32 = 0; c < channels; c++) store<f32>(to + (c << 2), <f32>element(input, from, c));
  }
}
