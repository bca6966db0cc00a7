import { Op, OpKind } from "../blob";
import { ADD } from "../features";
import { OPS } from "../profiles";
import { inputOf, outputOf, positionAt, sums } from "../regions";
import { code, secondOf } from "./operands";

// The sums of add ops, which layer.ts runs.

export function isAdd(op: usize): bool {
  return OPS & ADD && load<u8>(op, Op.kind) == OpKind.add;
}

/** factor · a + secondFactor · b, which wrap around: a block of sums for `height` positions from number `i` on, and `width` channels from `first` on; of an op without a post, in the output itself. */
export function added(op: usize, i: u32, height: u32, first: u32, width: u32): void {
  const input = inputOf(op);
  const second = secondOf(op);
  const factor = load<i32>(op, Op.factor);
  const secondFactor = load<i32>(op, Op.secondFactor);
  let total = sums;
  for (const behind = i + height; i < behind; i++) {
    if (!load<u8>(op, Op.post)) total = positionAt(outputOf(op), i) + (first << 2);
    let a = positionAt(input, i) + first;
    let b = positionAt(second, i) + first;
    for (const end = total + (width << 2); total < end; total += 4)
      store<i32>(total, factor * code(input, a++) + secondFactor * code(second, b++));
  }
}
