import { Cursor } from "../../host/cursor.ts";
import { InputError } from "../../host/errors.ts";
import type { Input } from "./input.ts";
import { elementCount, formatShape } from "./shape.ts";

/** Element types of the format. Data sets of pictures use the first. */
const TYPES: Record<number, string> = {
  8: "unsigned byte",
  9: "signed byte",
  11: "short",
  12: "int",
  13: "float",
  14: "double",
};

/**
 * Reads an idx file, as MNIST has it (yann.lecun.com/exdb/mnist): two zero bytes, element type, number of axes,
 * the size of each axis (u32, big-endian), elements. `name` is what errors call it.
 */
export function readIdx(bytes: Uint8Array, name: string): Input {
  const fail = (offset: number, message: string) => new InputError(`${name}, byte ${offset}: ${message}`);
  const file = new Cursor(bytes, fail);
  file.skip(2);
  const type = file.u8();
  if (type !== 8) throw fail(2, `idx elements of type ${type} (${TYPES[type] ?? "unknown"}), expected 8 (${TYPES[8]})`);
  const axes = file.u8();
  const shape = Array.from({ length: axes }, () => file.u32be());
  const count = elementCount(shape);
  if (count !== file.remaining) {
    throw fail(file.offset, `${file.remaining} elements, expected ${count} for shape ${formatShape(shape)}`);
  }
  return { kind: "idx", shape, dtype: "u8", data: file.bytes(count).slice() };
}
