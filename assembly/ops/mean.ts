import { inputOf, outputOf, positionAt, rows } from "../regions";
import { positionBytes, positions } from "../tensors";
import { sum } from "./reductions";

/** output[c] = Σ input[p, c] / positions */
export function mean(op: usize): void {
  const input = inputOf(op);
  const count = positions(input);
  const step = positionBytes(input);
  for (let row: u32 = 0; row < rows; row++) {
    let from = positionAt(input, row * count);
    let to = positionAt(outputOf(op), row);
    for (const end = from + step; from < end; from += 4, to += 4) store<f32>(to, sum(from, step, count) / <f32>count);
  }
}
