import { Op, Tensor } from "../blob";
import { inverseSqrt } from "../f32";
import { inputOf, outputOf, positionAt, positionsOfAll } from "../regions";
import { dot } from "./reductions";

/** output = post(x / √(mean of x² + epsilon)) of the channels of every position. */
export function rmsNorm(op: usize): void {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(input, Tensor.channels);
  for (let i = positionsOfAll(input); i--; ) {
    let from = positionAt(input, i);
    let to = positionAt(output, i);
    const factor = inverseSqrt(dot(from, from, channels) / <f32>channels + load<f32>(op, Op.epsilon));
    for (const end = to + (channels << 2); to < end; to += 4, from += 4) store<f32>(to, load<f32>(from) * factor);
  }
}
