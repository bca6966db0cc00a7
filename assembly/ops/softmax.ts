import { Tensor } from "../blob";
import { exp } from "../f32";
import { inputOf, outputOf, positionAt, positionsOfAll } from "../regions";
import { sum } from "./reductions";

/** The softmax over the channels of every position. */
export function softmax(op: usize): void {
  const input = inputOf(op);
  const channels = load<u32>(input, Tensor.channels);
  for (let i = positionsOfAll(input); i--; ) softmaxOf(positionAt(input, i), channels, positionAt(outputOf(op), i));
}

/** to[i] = e^(x[i] − max) / Σ e^(x − max), perhaps where x is. */
export function softmaxOf(from: usize, count: u32, to: usize): void {
  const end = from + (count << 2);
  let most: f32 = -Infinity;
  for (let at = from; at < end; at += 4) {
    const x = load<f32>(at);
    if (x > most) most = x;
  }
  let at = to;
  for (; from < end; from += 4, at += 4) store<f32>(at, exp(load<f32>(from) - most));
  const all = sum(to, 4, count);
  for (; to < at; to += 4) store<f32>(to, load<f32>(to) / all);
}
