import { Activation, Op, OpKind } from "../blob";
import { AVGPOOL, BIT_TENSOR, SIGNED_INPUT } from "../features";
import { DTYPES, OPS } from "../profiles";
import { inputOf, outputOf, positionAt, sums } from "../regions";
import { dtypeOf } from "../tensors";
import { nextTap, seekWindow } from "./window";

// The sums of avgpool ops, which layer.ts runs.

export function isAvgpool(op: usize): bool {
  return OPS & AVGPOOL && load<u8>(op, Op.kind) == OpKind.avgpool;
}

/**
 * Σ input[tap, c] over the taps inside the input: a block of sums for `height` positions of the output from number `i` on, and `width` channels from
 * `first` on; of an op without a post, in the output itself.
 */
export function pooled(op: usize, i: u32, height: u32, first: u32, width: u32): void {
  const dtype = dtypeOf(inputOf(op));
  const sign = DTYPES & SIGNED_INPUT && dtype == Activation.i8 ? 0x80 : 0;
  let total = sums;
  for (const behind = i + height; i < behind; i++) {
    if (!load<u8>(op, Op.post)) total = positionAt(outputOf(op), i) + (first << 2);
    const end = total + (width << 2);
    for (let at = total; at < end; at += 4) store<i32>(at, 0);
    seekWindow(op, i);
    for (let tap = nextTap(op); tap; tap = nextTap(op)) {
      for (let at = total, c = first; at < end; at += 4, c++) {
        const code =
          DTYPES & BIT_TENSOR && dtype == Activation.bit
            ? 1 - (((load<u8>(tap + (c >> 3)) >> (c & 7)) & 1) << 1)
            : (load<u8>(tap + c) ^ sign) - sign; // which extends the sign of a signed byte
        store<i32>(at, load<i32>(at) + code);
      }
    }
    total = end;
  }
}
