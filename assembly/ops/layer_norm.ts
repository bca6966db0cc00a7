import { Op, Tensor } from "../blob";
import { inverseSqrt } from "../f32";
import { inputOf, outputOf, positionAt, positionsOfAll } from "../regions";
import { dot, sum } from "./reductions";

/** output = post((x − mean) / √(variance + epsilon)) of the channels of every position. */
export function layerNorm(op: usize): void {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(input, Tensor.channels);
  for (let i = positionsOfAll(input); i--; ) {
    const from = positionAt(input, i);
    const to = positionAt(output, i);
    const end = to + (channels << 2);
    const mean = sum(from, 4, channels) / <f32>channels;
    for (let at = to, x = from; at < end; at += 4, x += 4) store<f32>(at, load<f32>(x) - mean);
    const factor = inverseSqrt(dot(to, to, channels) / <f32>channels + load<f32>(op, Op.epsilon));
    for (let at = to; at < end; at += 4) store<f32>(at, load<f32>(at) * factor);
  }
}
