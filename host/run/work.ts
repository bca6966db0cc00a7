import { refuse } from "../base/arguments.ts";
import { EngineError } from "../base/errors.ts";
import { MAX_ACTIVATION_BYTES, MAX_OPERATIONS } from "../base/limits.ts";
import { type Op, type OpTable, ofOp, type Program, type QuantizeOp, type Window } from "../program.ts";
import { elementCount, numberCount, type Picture, positionCount } from "../shape.ts";

/**
 * What an op costs for one row, in operations: a multiply-accumulate, or a comparison with a threshold, is one. The rest is counted in them
 * by its time in the slowest engine. It depends on the head of a blob alone.
 */
export function workOf({ tensors }: Pick<Program, "tensors">, op: Op): number {
  const elements = (tensor: number) => elementCount(tensors[tensor]!);
  return ofOp(WORK, op, op.inputs.map(elements), elements(op.output), tensors[op.inputs[0]!]!);
}

const WORK: OpTable<[inputs: readonly number[], outputs: number, from: Picture], number> = {
  quantize: ({ post }, _, outputs) => outputs * postWork(post),
  dense: ({ post }, [inputs], outputs) => outputs * (inputs! + (post ? postWork(post) : 1)),
  maximum: (_, __, outputs) => outputs,
  argmax: ({ post }, [inputs]) => inputs! * (post ? SCALED : 1),

  conv2d({ window, groups, post }, _, outputs, { channels }) {
    const products = (tapCount(window) * channels) / groups;
    return outputs * (products + (post ? postWork(post) : 1));
  },

  concat: (_, __, outputs) => outputs,
  upsample: (_, __, outputs) => outputs,
  maxpool: ({ window }, _, outputs) => outputs * tapCount(window),
  add: ({ post }, _, outputs) => outputs * (1 + (post ? postWork(post) : 0)),
  avgpool: ({ window, post }, _, outputs) => outputs * (tapCount(window) + (post ? postWork(post) : 1)),

  quantize_rows: (_, __, outputs) => outputs * 4,
  dequantize: (_, __, outputs) => outputs * 2,
  linear: (_, __, outputs, { channels }) => outputs * (channels + 2),
  float_linear: (_, __, outputs, { channels }) => outputs * (channels + 2),
  layer_norm: (_, __, outputs) => outputs * 6,
  rms_norm: (_, __, outputs) => outputs * 4,
  activation: (_, __, outputs) => outputs * FUNCTION_WORK,
  float_add: (_, __, outputs) => outputs,
  float_mul: (_, __, outputs) => outputs,
  softmax: (_, __, outputs) => outputs * FUNCTION_WORK,

  /** Every position meets every other one by all of its channels, twice, and by an exponential in each head. */
  attention: ({ heads }, _, outputs, from) =>
    positionCount(from) * (2 * outputs + heads * positionCount(from) * FUNCTION_WORK),

  patches: (_, __, outputs) => outputs,
  positions: (_, __, outputs) => outputs,
  mean: (_, [inputs]) => inputs!,
  pick: (_, __, outputs) => outputs,
};

/** An exponential, or a function made of one. */
const FUNCTION_WORK = 20;

function tapCount({ kernelHeight, kernelWidth }: Window): number {
  return kernelHeight * kernelWidth;
}

/** A product of 64 bits, rounded. */
const SCALED = 10;

function postWork(post: QuantizeOp["post"]): number {
  switch (post.kind) {
    case "thresholds":
      return 1 + post.count;
    case "requantize":
      return SCALED;
    case "plane":
      return 2 * SCALED;
    case "lookup":
      return 1;
  }
}

/** Operations that a program takes for one row. */
export function rowWork(program: Program): number {
  return program.ops.reduce((sum, op) => sum + workOf(program, op), 0);
}

/**
 * Rows that a program may run at once: as many as it says, while they take no more than `limit` operations and MAX_ACTIVATION_BYTES, in the
 * module and in the reference. Throws EngineError of kind "fuel" or "memory" where one row takes more.
 */
export function rowsWithin(program: Program, limit: number = MAX_OPERATIONS): number {
  if (typeof limit !== "number" || Number.isNaN(limit)) refuse("maxOperations", limit, "a number");
  const work = rowWork(program);
  if (work > limit) {
    throw new EngineError("fuel", `a row takes ${work} operations, and at most ${limit} are allowed: ${HOW}`);
  }
  const { fixed, perRow } = program.arena;
  const inReference = 4 * program.tensors.reduce((sum, tensor) => sum + numberCount(tensor), 0);
  const shown = 8 * program.outputs.reduce((sum, tensor) => sum + elementCount(program.tensors[tensor]!), 0);
  const bytes = shown + Math.max(perRow, inReference);
  if (fixed + bytes > MAX_ACTIVATION_BYTES) {
    throw new EngineError(
      "memory",
      `a row takes ${fixed + bytes} bytes of activations, expected at most ${MAX_ACTIVATION_BYTES}`,
    );
  }
  const rows = Math.min(limit / Math.max(work, 1), (MAX_ACTIVATION_BYTES - fixed) / Math.max(bytes, 1));
  return Math.min(program.maxRows, Math.max(1, Math.floor(rows)));
}

const HOW = "the option maxOperations of `load`, or --limit-work, raises that";
