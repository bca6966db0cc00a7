import { CheckpointError } from "../../base/errors.ts";
import { Refusal } from "../refusal.ts";
import { type Call, type Constant, integersOf, shapeOf } from "./call.ts";

// What files compute of shapes, which are known here, as exporters write a RESHAPE of batches of any size.

/** Integers that an operator makes of constants. */
export function integerConstant({ output }: Call, numbers: readonly number[], shape: number[]): Constant {
  if (output.type !== "INT32") throw new Refusal(`it makes numbers of ${output.type}`, "INT32");
  const data = new Uint8Array(4 * numbers.length);
  const view = new DataView(data.buffer);
  for (const [i, x] of numbers.entries()) view.setInt32(4 * i, x, true);
  const { name } = output;
  return { kind: "constant", tensor: { name, shape, type: "INT32", data, scale: [], zero: [], quantizedAxis: 0 } };
}

/** The sizes of data, the batch first. */
export function shape(call: Call): Constant {
  const [value] = call.inputs;
  if (value?.kind !== "codes" && value?.kind !== "real") {
    throw new Refusal("it reads a constant", "its sizes, stored in the file");
  }
  const sizes = shapeOf(value);
  return integerConstant(call, sizes, [sizes.length]);
}

/** Single numbers as a vector. */
export function pack(call: Call): Constant {
  const numbers = call.inputs.flatMap((_, i) => integersOf(call, i, "operands"));
  if (numbers.length !== call.inputs.length) {
    throw new CheckpointError(`operator "${call.name}": ${numbers.length} numbers of ${call.inputs.length} operands`);
  }
  return integerConstant(call, numbers, [numbers.length]);
}
