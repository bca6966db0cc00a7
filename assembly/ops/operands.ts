import { Activation, Op } from "../blob";
import { tensorAt } from "../regions";
import { dtypeOf, positions } from "../tensors";

// What ops of two operands share: tensors of codes in bytes, at as many positions.

/** Record of the second tensor that an op reads. */
export function secondOf(op: usize): usize {
  return tensorAt(load<u16>(op, Op.second));
}

/** Whether the second operand exists, and it and another tensor are codes in bytes, at as many positions. */
export function operandsFit(op: usize, tensorCount: u32, a: usize): bool {
  if (<u32>load<u16>(op, Op.second) >= tensorCount) return false;
  const b = secondOf(op);
  if (positions(a) != positions(b)) return false;
  return isByte(dtypeOf(a)) && isByte(dtypeOf(b));
}

export function isByte(dtype: i32): bool {
  return <u32>(dtype - Activation.u8) < 2; // u8 or i8
}

/** The code at an address inside a tensor. */
export function code(tensor: usize, at: usize): i32 {
  return dtypeOf(tensor) == Activation.i8 ? load<i8>(at) : load<u8>(at);
}
