import { Op } from "../blob";
import { copy } from "../copy";
import { inputOf, outputOf, positionAt, rows } from "../regions";
import { positionBytes, positions } from "../tensors";

/** output[c] = input[position, c] */
export function pick(op: usize): void {
  const input = inputOf(op);
  for (let row: u32 = 0; row < rows; row++) {
    const from = positionAt(input, row * positions(input) + load<u16>(op, Op.position));
    copy(positionAt(outputOf(op), row), from, positionBytes(input));
  }
}
