import { orderKey } from "../numbers/order.ts";
import { type ActivationDtype, type OpTable, ofOp, type Program } from "../program.ts";
import { numberCount, type Shape } from "../shape.ts";
import { add } from "./add.ts";
import { argmax } from "./argmax.ts";
import { avgpool } from "./avgpool.ts";
import { concat } from "./concat.ts";
import { conv2d } from "./conv2d.ts";
import { dense } from "./dense.ts";
import { maximum } from "./maximum.ts";
import { maxpool } from "./maxpool.ts";
import { quantize } from "./quantize.ts";
import { REGION_OPS } from "./region_ops.ts";
import { upsample } from "./upsample.ts";

/** Elements of a program's input: Uint8Array for u8, Int8Array for i8, Int16Array for i16, Float32Array for f32. */
export type Elements = Uint8Array | Int8Array | Int16Array | Float32Array;

/**
 * What a program computes: the values of all its tensors, each (rows, positions, channels), row-major.
 * A `bit` tensor holds ±1, an `f32` tensor the order keys of its elements, codes with scales the order key of each position's scale before its codes. `inputs` are in the order of `program.inputs`.
 */
export function runReference(program: Program, inputs: readonly Elements[], rows: number): { tensors: Int32Array[] } {
  const tensors = program.tensors.map((tensor) => new Int32Array(rows * numberCount(tensor)));
  program.inputs.forEach((index, i) => {
    const elements = inputs[i]!;
    tensors[index]!.set(elements instanceof Float32Array ? Array.from(elements, orderKey) : elements);
  });
  invoke(program, tensors, rows);
  return { tensors };
}

/** Runs an op on one row of its tensors. */
const RUN: OpTable<[inputs: readonly Int32Array[], output: Int32Array, from: readonly Shape[], to: Shape], void> = {
  quantize,
  dense,
  argmax,
  maximum,
  conv2d,
  add,
  maxpool,
  avgpool,
  concat,
  upsample,
  ...REGION_OPS,
};

/** Runs the ops `firstOp` up to, but not including, `endOp`; they read and write `tensors`. */
export function invoke(
  program: Program,
  tensors: readonly Int32Array[],
  rows: number,
  firstOp = 0,
  endOp = program.ops.length,
): void {
  for (const op of program.ops.slice(firstOp, endOp)) {
    const to = program.tensors[op.output]!;
    const from = op.inputs.map((input) => program.tensors[input]!);
    for (let row = 0; row < rows; row++) {
      const rowOf = (tensor: number) => {
        const count = numberCount(program.tensors[tensor]!);
        return tensors[tensor]!.subarray(row * count, (row + 1) * count);
      };
      const output = rowOf(op.output);
      ofOp(RUN, op, op.inputs.map(rowOf), output, from, to);
      for (let c = 0; c < output.length; c++) output[c] = wrap(to.dtype, output[c]!);
    }
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
