import { Activation } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR, SIGNED_INPUT } from "../features";
import { HAS_VECTORS } from "../kernels";
import { DTYPES } from "../profiles";
import { clearTensor, inputOf, outputOf, positionAt, positionsOfAll } from "../regions";
import { Status } from "../status";
import { dtypeOf, positionBytes } from "../tensors";
import { nextTap, seekWindow } from "./window";

/** output[y, x, c] = the greatest input[tap, c] of the taps inside the input. Bits are −1 where all are: bit 1. An upsample has one tap. */
export function maxpool(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const bytes = positionBytes(output);
  const isBit: bool = DTYPES & BIT_TENSOR && dtypeOf(input) == Activation.bit;
  const sign = DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8 ? 0x80 : 0; // gives signed bytes the order of unsigned ones
  const count = positionsOfAll(output);
  clearTensor(output);
  for (let i: u32 = 0; i < count; i++) {
    const to = positionAt(output, i);
    seekWindow(op, i);
    const first = nextTap(op);
    if (!first) continue;
    copy(to, first, bytes);
    for (let at = nextTap(op); at; at = nextTap(op)) {
      let c: u32 = 0;
      if (HAS_VECTORS) {
        for (; c + 16 <= bytes; c += 16) {
          const a = v128.load(to + c);
          const b = v128.load(at + c);
          const greater = sign ? i8x16.max_s(a, b) : i8x16.max_u(a, b);
          v128.store(to + c, isBit ? v128.and(a, b) : greater);
        }
      }
      for (; c < bytes; c++) {
        const a: u32 = load<u8>(to + c);
        const b: u32 = load<u8>(at + c);
        store<u8>(to + c, isBit ? a & b : max(a ^ sign, b ^ sign) ^ sign);
      }
    }
  }
  return Status.Ok;
}
