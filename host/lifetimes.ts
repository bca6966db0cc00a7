import type { Op } from "./program.ts";

/**
 * First and last op, both included, during which each of `tensors` tensors holds something that may still be read: inputs from before the
 * first op (−1) on, outputs to behind the last one, others from the op that writes them to the last one that reads them.
 */
export function lifetimes(
  tensors: number,
  ops: readonly Op[],
  inputs: readonly number[],
  outputs: readonly number[],
): { first: number; last: number }[] {
  const lives = Array.from({ length: tensors }, () => ({ first: ops.length, last: -1 }));
  for (const t of inputs) lives[t]!.first = -1;
  ops.forEach((op, i) => {
    lives[op.output]!.first = Math.min(lives[op.output]!.first, i);
    lives[op.output]!.last = Math.max(lives[op.output]!.last, i);
    for (const input of op.inputs) lives[input]!.last = Math.max(lives[input]!.last, i);
  });
  for (const t of outputs) lives[t]!.last = ops.length;
  return lives;
}
