import type { Op, Program, QuantizeOp } from "../program.ts";

/** Codes of a dtype. */
const CODES = { bit: [-1, 1], u8: [0, 255], i8: [-128, 127] } as const;

/** Step that no accumulator reaches (FORMAT.md, "Post"). */
const UNUSED = 2 ** 31 - 1;

/**
 * For every tensor of codes of a program, the least and the greatest that it can hold, as far as the op that makes it tells: its dtype's
 * where it is an input. Assumes accumulators below 2^31 − 1, so it is good for choosing what is fast, not for proofs.
 */
export function codeRanges({ tensors, ops, inputs }: Program): (tensor: number) => [min: number, max: number] {
  const ranges = tensors.map(({ dtype }): [min: number, max: number] => [
    ...(CODES[dtype as keyof typeof CODES] ?? [0, 0]),
  ]);
  const given = new Set(inputs);
  for (const op of ops) {
    if (given.has(op.output)) continue;
    const [least, greatest] = ranges[op.output]!;
    const range = rangeOf(
      op,
      op.inputs.map((input) => ranges[input]!),
    );
    if (range && range[0] >= least && range[1] <= greatest) ranges[op.output] = range; // a code that does not fit wraps around
  }
  return (tensor) => ranges[tensor]!;
}

/** What an op makes of codes in these ranges; undefined where only its output's dtype tells. */
function rangeOf({ kind, post }: Op, inputs: readonly [number, number][]): [min: number, max: number] | undefined {
  if (kind === "maxpool" || kind === "concat" || kind === "upsample") {
    return [Math.min(...inputs.map(([min]) => min)), Math.max(...inputs.map(([, max]) => max))];
  }
  return post && post.kind !== "scores" && post.kind !== "float" ? postRange(post) : undefined;
}

/** The least and the greatest code that a post makes. */
function postRange(post: QuantizeOp["post"]): [min: number, max: number] {
  switch (post.kind) {
    case "requantize":
      return [post.lo, post.hi];
    case "plane":
      return [post.lo.reduce((a, b) => Math.min(a, b)), post.hi.reduce((a, b) => Math.max(a, b))];
    case "lookup":
      return [post.table.reduce((a, b) => Math.min(a, b)), post.table.reduce((a, b) => Math.max(a, b))];
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
