import { orderKey } from "../numbers/order.ts";
import { requantize } from "../numbers/requantize.ts";
import type { ActivationDtype, Lookup, Op, Program, Requantize, Thresholds } from "../program.ts";
import { argmax } from "./argmax.ts";
import { dense } from "./dense.ts";
import { lookup } from "./lookup.ts";
import { thresholds } from "./thresholds.ts";

/** Elements of a program's input: Uint8Array for u8, Int8Array for i8, Int16Array for i16, Float32Array for f32. */
export type Elements = Uint8Array | Int8Array | Int16Array | Float32Array;

/**
 * What a program computes: the values of all its tensors, each (rows, channels), row-major.
 * A `bit` tensor holds ±1, an `f32` tensor the order keys of its elements. `inputs` are in the order of `program.inputs`.
 */
export function runReference(program: Program, inputs: readonly Elements[], rows: number): { tensors: Int32Array[] } {
  const tensors = program.tensors.map(({ channels }) => new Int32Array(rows * channels));
  program.inputs.forEach((index, i) => {
    const elements = inputs[i]!;
    tensors[index]!.set(elements instanceof Float32Array ? Array.from(elements, orderKey) : elements);
  });
  invoke(program, tensors, rows);
  return { tensors };
}

/** Runs the ops `firstOp` up to, but not including, `endOp`; they read and write `tensors`. */
export function invoke(
  program: Program,
  tensors: readonly Int32Array[],
  rows: number,
  firstOp = 0,
  endOp = program.ops.length,
): void {
  for (const op of program.ops.slice(firstOp, endOp)) {
    const from = program.tensors[op.input]!;
    const to = program.tensors[op.output]!;
    for (let row = 0; row < rows; row++) {
      const input = tensors[op.input]!.subarray(row * from.channels, (row + 1) * from.channels);
      const output = tensors[op.output]!.subarray(row * to.channels, (row + 1) * to.channels);
      runOp(op, input, output);
      for (let c = 0; c < to.channels; c++) output[c] = wrap(to.dtype, output[c]!);
    }
  }
}

/** Runs an op on one row. */
function runOp(op: Op, input: Int32Array, output: Int32Array): void {
  switch (op.kind) {
    case "quantize":
      for (let c = 0; c < output.length; c++) output[c] = code(op.post, c, input[c]!);
      break;
    case "dense":
      dense(op.weights, input, output);
      if (op.post) for (let m = 0; m < output.length; m++) output[m] = code(op.post, m, output[m]!);
      break;
    case "argmax":
      output[0] = argmax(op.scores, input);
      break;
  }
}

function code(post: Thresholds | Requantize | Lookup, channel: number, x: number): number {
  switch (post.kind) {
    case "thresholds":
      return thresholds(post, channel, x);
    case "requantize":
      return requantize(post, channel, x);
    case "lookup":
      return lookup(post, x);
  }
}

/** What a tensor keeps of a code: its low 8 bits, or in a `bit` tensor its sign, with that of 0 positive. */
function wrap(dtype: ActivationDtype, code: number): number {
  switch (dtype) {
    case "bit":
      return code < 0 ? -1 : 1;
    case "u8":
      return code & 0xff;
    case "i8":
      return (code << 24) >> 24;
    default:
      return code;
  }
}
