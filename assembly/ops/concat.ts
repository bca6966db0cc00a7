import { copy } from "../copy";
import { inputOf, outputOf, positionAt, positionsOfAll } from "../regions";
import { Status } from "../status";
import { positionBytes } from "../tensors";
import { secondOf } from "./operands";

/** output[r, y, x] = the channels of input[r, y, x], then those of second[r, y, x]. */
export function concat(op: usize): Status {
  const output = outputOf(op);
  const input = inputOf(op);
  const second = secondOf(op);
  const bytes = positionBytes(input);
  for (let i = positionsOfAll(output); i--; ) {
    const to = positionAt(output, i);
    copy(to, positionAt(input, i), bytes);
    copy(to + bytes, positionAt(second, i), positionBytes(second));
  }
  return Status.Ok;
}
