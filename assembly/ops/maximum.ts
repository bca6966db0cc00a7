import { firstRow, inputOf, outputOf, rows } from "../regions";
import { Status } from "../status";
import { rowStride } from "../tensors";
import { code, secondOf } from "./operands";

/** output[r, e] = the greater of input[r, e] and second[r, e]. Rows of bytes follow each other alike in all three; bytes between them have no meaning. */
export function maximum(op: usize): Status {
  const input = inputOf(op);
  const second = secondOf(op);
  let a = firstRow(input);
  let b = firstRow(second);
  let to = firstRow(outputOf(op));
  for (const end = to + rowStride(input) * rows; to < end; to++, a++, b++)
    store<u8>(to, max(code(input, a), code(second, b)));
  return Status.Ok;
}
