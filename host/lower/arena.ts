import { lifetimes } from "../lifetimes.ts";
import type { Arena, Op, Tensor } from "../program.ts";
import { rowStride, type Shape } from "../shape.ts";

/**
 * Gives each tensor `perRow` bytes of the arena from the op that writes it to the last op that reads it: inputs from the
 * start, outputs to the end. Largest first, each into the smallest gap that holds it.
 */
export function planArena(
  tensors: readonly Shape[],
  ops: readonly Op[],
  inputs: readonly number[],
  outputs: readonly number[],
): { arena: Arena; tensors: Tensor[] } {
  const lives = lifetimes(tensors.length, ops, inputs, outputs);
  const bytes = tensors.map(rowStride);
  const start: number[] = [];
  const placed: number[] = [];
  const largestFirst = tensors.map((_, t) => t).sort((a, b) => bytes[b]! - bytes[a]! || a - b);
  for (const t of largestFirst) {
    const neighbours = placed
      .filter((other) => lives[other]!.first <= lives[t]!.last && lives[t]!.first <= lives[other]!.last)
      .sort((a, b) => start[a]! - start[b]!);
    let end = 0;
    let best: { start: number; size: number } | undefined;
    for (const other of neighbours) {
      const size = start[other]! - end;
      if (size >= bytes[t]! && (!best || size < best.size)) best = { start: end, size };
      end = Math.max(end, start[other]! + bytes[other]!);
    }
    start[t] = best?.start ?? end;
    placed.push(t);
  }
  return {
    arena: { fixed: 0, perRow: tensors.reduce((most, _, t) => Math.max(most, start[t]! + bytes[t]!), 0) },
    tensors: tensors.map((shape, t) => ({ ...shape, fixed: 0, perRow: start[t]! })),
  };
}
