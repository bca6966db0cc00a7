import type { Op, Program, QuantizeOp } from "../program.ts";

/** Codes of a dtype. */
const CODES = { bit: [-1, 1], u8: [0, 255], i8: [-128, 127] } as const;

/** Step that no accumulator reaches (FORMAT.md, "Post"). */
const UNUSED = 2 ** 31 - 1;

/**
 * The least and the greatest code that a tensor of codes can hold, as far as what makes it tells: its dtype's where it is an input.
 * Assumes accumulators below 2^31 − 1, so it is good for choosing what is fast, not for proofs.
 */
export function codeRange(program: Program, tensor: number): [min: number, max: number] {
  const known = KNOWN.get(program.ops) ?? { makers: makersOf(program.ops), ranges: new Map() };
  KNOWN.set(program.ops, known);
  const range = known.ranges.get(tensor) ?? findRange(program, tensor, known.makers.get(tensor) ?? []);
  known.ranges.set(tensor, range);
  return range;
}

/** What has been found of a program, by its ops: a blob may have thousands of them that read or write the same tensor. */
const KNOWN = new WeakMap<Op[], { makers: Map<number, Op[]>; ranges: Map<number, [min: number, max: number]> }>();

/** The ops that write each tensor. */
function makersOf(ops: readonly Op[]): Map<number, Op[]> {
  const makers = new Map<number, Op[]>();
  for (const op of ops) {
    const list = makers.get(op.output);
    if (list) list.push(op);
    else makers.set(op.output, [op]);
  }
  return makers;
}

function findRange(program: Program, tensor: number, makers: readonly Op[]): [min: number, max: number] {
  const { dtype } = program.tensors[tensor]!;
  const [least, greatest] = CODES[dtype as keyof typeof CODES];
  if (makers.length === 0 || program.inputs.includes(tensor)) return [least, greatest];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const op of makers) {
    const [low, high] = op.kind === "argmax" || !op.post ? [least, greatest] : postRange(op.post);
    [min, max] = [Math.min(min, low), Math.max(max, high)];
  }
  return min >= least && max <= greatest ? [min, max] : [least, greatest]; // a code that does not fit wraps around
}

/** The least and the greatest code that a post makes. */
function postRange(post: QuantizeOp["post"]): [min: number, max: number] {
  switch (post.kind) {
    case "requantize":
      return [post.lo, post.hi];
    case "lookup":
      return [Math.min(...post.table), Math.max(...post.table)];
    case "thresholds": {
      let [min, max] = [Infinity, -Infinity];
      for (let record = 0; record < post.records; record++) {
        const steps = post.steps.subarray(record * post.count, (record + 1) * post.count);
        const used = (step: number) => step !== UNUSED;
        const ups = steps.subarray(0, post.ups[record]!).filter(used).length;
        const downs = steps.subarray(post.ups[record]!).filter(used).length;
        min = Math.min(min, post.base[record]! - downs);
        max = Math.max(max, post.base[record]! + ups);
      }
      return [min, max];
    }
  }
}
