import { Activation, Op, Tensor } from "../blob";
import { firstRow, inputOf, outputOf, rows, tensorAt } from "../regions";
import { Status } from "../status";
import { dtypeOf, rowStride } from "../tensors";

/** Whether an op reads two tensors of codes in bytes, and writes one, of as many channels. */
export function maximumFits(op: usize, tensorCount: u32, from: i32, to: i32, inputs: u32, channels: u32): bool {
  const second: u32 = load<u16>(op, Op.second);
  if (second >= tensorCount) return false;
  const other = tensorAt(second);
  const isAsMany = inputs == channels && load<u32>(other, Tensor.channels) == channels;
  return isAsMany && isByte(from) && isByte(to) && isByte(dtypeOf(other));
}

function isByte(dtype: i32): bool {
  return <u32>(dtype - Activation.u8) < 2; // u8 or i8
}

/** output[r, c] = the greater of input[r, c] and second[r, c]. Rows of bytes follow each other alike in all three; bytes between them have no meaning. */
export function maximum(op: usize): Status {
  const input = inputOf(op);
  const second = tensorAt(load<u16>(op, Op.second));
  let a = firstRow(input);
  let b = firstRow(second);
  let to = firstRow(outputOf(op));
  for (const end = to + rowStride(input) * rows; to < end; to++, a++, b++)
    store<u8>(to, max(code(input, a), code(second, b)));
  return Status.Ok;
}

/** The code at an address inside a tensor. */
function code(tensor: usize, at: usize): i32 {
  return dtypeOf(tensor) == Activation.i8 ? load<i8>(at) : load<u8>(at);
}
