import { InputError } from "../../host/base/errors.ts";
import { fileKind, KIND_BYTES } from "../../host/base/file_kind.ts";
import { MAX_BYTES_AT_ONCE } from "../../host/base/limits.ts";
import { NPY_MAGIC } from "../../host/checkpoint/npz/npy.ts";
import { ByteStream, CHUNK_BYTES, slices } from "./byte_stream.ts";
import { openIdx } from "./idx.ts";
import { GZIP_MAGIC, gunzip } from "./inflate.ts";
import type { Elements, Input, InputStream } from "./input.ts";
import { openNpy } from "./npy.ts";
import { openPng, PNG_MAGIC } from "./png.ts";
import { elementCount } from "./shape.ts";

/** Elements read at a time where all are wanted. */
const PART = 2 ** 16;

const ARRAYS = { u8: Uint8Array, i8: Int8Array, i16: Int16Array, i32: Int32Array, f32: Float32Array };

/** Opens an input file of any known kind, told by its first bytes, or such a file in gzip. `name` is what errors call it. */
export function openInput(chunks: Iterable<Uint8Array>, name: string): InputStream {
  const file = new ByteStream(chunks);
  try {
    if (!startsWith(file, GZIP_MAGIC)) return openPlain(file, name);
    return openPlain(new ByteStream(gunzip(rest(file), name)), `${name} (unzipped)`);
  } catch (error) {
    file.close();
    throw error;
  }
}

function openPlain(file: ByteStream, name: string): InputStream {
  if (startsWith(file, NPY_MAGIC)) return openNpy(file, name);
  if (startsWith(file, PNG_MAGIC)) return openPng(file, name);
  if (startsWith(file, [0, 0])) return openIdx(file, name);
  const kind = fileKind(file.peek(KIND_BYTES));
  const found = kind === undefined ? `begins with ${hex(file.peek(8))}` : `is ${kind}`;
  throw new InputError(`${name}: ${found}, expected a .npy, idx or PNG file, or one of these in gzip`);
}

/** Reads a whole input file. */
export function readInput(bytes: Uint8Array, name: string): Input {
  const input = openInput(slices(bytes), name);
  return { kind: input.kind, shape: input.shape, ...readAll(input, name) };
}

/** All elements of an input at once. */
export function readAll(input: InputStream, name: string): Elements {
  const data = join(input.parts(PART), input.dtype, elementCount(input.shape), name);
  return { dtype: input.dtype, data } as Elements;
}

/** The `count` elements of all parts in one array. Throws InputError before the first part where that takes too many bytes. */
export function join<T extends Elements["dtype"]>(
  parts: Iterable<ArrayLike<number>>,
  dtype: T,
  count: number,
  name: string,
): InstanceType<(typeof ARRAYS)[T]> {
  if (count * ARRAYS[dtype].BYTES_PER_ELEMENT > MAX_BYTES_AT_ONCE) {
    throw new InputError(`${name}: more than ${MAX_BYTES_AT_ONCE} bytes of elements, too many to read at once`);
  }
  const all = new ARRAYS[dtype](count);
  let first = 0;
  for (const part of parts) {
    all.set(part, first);
    first += part.length;
  }
  return all as InstanceType<(typeof ARRAYS)[T]>;
}

function startsWith(file: ByteStream, magic: readonly number[]): boolean {
  const first = file.peek(magic.length);
  return magic.every((byte, i) => first[i] === byte);
}

/** All that is left, in chunks. */
function* rest(file: ByteStream): Generator<Uint8Array> {
  try {
    for (let chunk = file.take(CHUNK_BYTES); chunk.length > 0; chunk = file.take(CHUNK_BYTES)) yield chunk;
  } finally {
    file.close();
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
