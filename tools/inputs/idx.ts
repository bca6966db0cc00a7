import { Cursor } from "../../host/base/cursor.ts";
import { InputError } from "../../host/base/errors.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { InputStream } from "./input.ts";
import { readParts, type Stored } from "./stored.ts";

/** Element types of the format. Data sets of pictures use the first. */
const TYPES: Record<number, string> = {
  8: "unsigned byte",
  9: "signed byte",
  11: "short",
  12: "int",
  13: "float",
  14: "double",
};

const STORED: Stored = {
  type: TYPES[8]!,
  bytes: 1,
  dtype: "u8",
  read: (file, count) => file.bytes(count).slice(),
};

/** Sizes of at most 255 axes. */
const MAX_HEADER_BYTES = 4 + 4 * 255;

/**
 * Opens an idx file, as MNIST has it (yann.lecun.com/exdb/mnist): two zero bytes, element type, number of axes,
 * the size of each axis (u32, big-endian), elements. `name` is what errors call it.
 */
export function openIdx(file: ByteStream, name: string): InputStream {
  const fail = (offset: number, message: string) => new InputError(`${name}, byte ${offset}: ${message}`);
  const header = new Cursor(file.peek(MAX_HEADER_BYTES), fail);
  header.skip(2);
  const type = header.u8();
  if (type !== 8) throw fail(2, `idx elements of type ${type} (${TYPES[type] ?? "unknown"}), expected 8 (${TYPES[8]})`);
  const axes = header.u8();
  const shape = Array.from({ length: axes }, () => header.u32be());
  file.take(header.offset);
  return {
    kind: "idx",
    shape,
    dtype: "u8",
    parts: (count) => readParts(file, shape, STORED, count, name),
    close: () => file.close(),
  };
}
