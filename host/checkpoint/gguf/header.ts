import { Cursor } from "../../base/cursor.ts";
import { CheckpointError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";
import type { ByteSource } from "../byte_source.ts";
import { countOf } from "../elements.ts";

// GGUF, versions 2 and 3, little-endian: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Facts about the model by their keys, then of every tensor its
// name, sizes (the fastest first), type and place, then the data, aligned.

/** A tensor as the header has it. */
export interface GgufTensor {
  name: string;
  /** Row-major: the fastest axis last. */
  dims: number[];
  count: number;
  type: number;
  /** Where its data begin in the file, and how many bytes there are before those of the next one. */
  at: number;
  room: number;
}

export interface GgufHeader {
  /** "llama" or the like; empty where the file does not say. */
  architecture: string;
  alignment: number;
  /** In the order of the file. */
  tensors: GgufTensor[];
}

/** Vocabularies of 256,000 texts and their merges take some 10 MB. */
const MAX_HEADER_BYTES = 2 ** 26;
/** A mixture of 384 experts in 61 layers has 70,000 where each is a tensor. */
const MAX_TENSORS = 1 << 17;
const MAX_FACTS = 1 << 12;
const MAX_NAME_BYTES = 1 << 16;
/** ggml's own limit. */
const MAX_AXES = 4;
const MAX_NESTED = 4;

/** Bytes of a fact's value by its type; texts and arrays have lengths of their own. */
const VALUE_BYTES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const UINT32 = 4;
const TEXT = 8;
const ARRAY = 9;

const DEFAULT_ALIGNMENT = 32;

/** Reads all that stands before the data. Throws CheckpointError. */
export function readHeader(file: ByteSource): GgufHeader {
  const fail = (offset: number, message: string) => new CheckpointError(`GGUF, byte ${offset}: ${message}`);
  const cursor = new Cursor(file.read(0, Math.min(file.bytes, MAX_HEADER_BYTES)), fail);
  cursor.skip(4); // the magic, by which the file was told
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    const order = version >= 2 ** 24 ? ", big-endian" : "";
    throw fail(4, `version ${version}${order}, expected 2 or 3, little-endian`);
  }
  const count = (what: string, most: number): number => {
    const at = cursor.offset;
    const found = cursor.u64();
    if (found > most) throw fail(at, `${found} ${what}, expected at most ${most}`);
    return Number(found);
  };
  const text = () => new TextDecoder().decode(cursor.bytes(count("bytes of a name", MAX_NAME_BYTES)));
  const tensorCount = count("tensors", MAX_TENSORS);
  const factCount = count("facts", MAX_FACTS);
  const facts = readFacts(cursor, factCount, text, fail);
  const alignment = alignmentOf(facts.get("general.alignment"));
  const names = new Set<string>();
  const found = Array.from({ length: tensorCount }, () => {
    const tensor = readTensor(cursor, text, fail);
    if (names.has(tensor.name)) throw new CheckpointError(`GGUF: two tensors named "${shown(tensor.name)}"`);
    names.add(tensor.name);
    if (tensor.offset % alignment !== 0) {
      throw new CheckpointError(
        `tensor "${shown(tensor.name)}": begins at byte ${tensor.offset} of the data, expected a multiple of ${alignment}`,
      );
    }
    return tensor;
  });
  const data = Math.ceil(cursor.offset / alignment) * alignment;
  return {
    architecture: String(facts.get("general.architecture") ?? ""),
    alignment,
    tensors: placed(found, data, file.bytes),
  };
}

/** Facts of one text or one u32; the others are passed by. */
function readFacts(
  cursor: Cursor,
  count: number,
  text: () => string,
  fail: (offset: number, message: string) => Error,
): Map<string, string | number> {
  const facts = new Map<string, string | number>();
  const keys = new Set<string>();
  for (let i = 0; i < count; i++) {
    const at = cursor.offset;
    const key = text();
    if (keys.has(key)) throw fail(at, `two facts named "${shown(key)}"`);
    keys.add(key);
    const type = cursor.u32();
    if (type === UINT32) facts.set(key, cursor.u32());
    else if (type === TEXT && key === "general.architecture") facts.set(key, text());
    else skipValue(cursor, type, 0, fail);
  }
  return facts;
}

function skipValue(
  cursor: Cursor,
  type: number,
  depth: number,
  fail: (offset: number, message: string) => Error,
): void {
  const at = cursor.offset;
  const length = (bytes: number) => {
    const count = cursor.u64();
    if (count > cursor.remaining / bytes) throw fail(at, `${count} entries, but ${cursor.remaining} bytes are left`);
    return Number(count);
  };
  const bytes = VALUE_BYTES[type];
  if (bytes !== undefined) cursor.skip(bytes);
  else if (type === TEXT) cursor.skip(length(1));
  else if (type === ARRAY && depth < MAX_NESTED) {
    const each = cursor.u32();
    const size = VALUE_BYTES[each];
    const entries = length(size ?? 8);
    if (size !== undefined) cursor.skip(entries * size);
    else for (let i = 0; i < entries; i++) skipValue(cursor, each, depth + 1, fail);
  } else throw fail(at, `a value of type ${type}, expected 0 to 12, arrays in at most ${MAX_NESTED} others`);
}

function alignmentOf(found: string | number | undefined): number {
  if (found === undefined) return DEFAULT_ALIGNMENT;
  if (typeof found === "number" && found >= 8 && found <= 2 ** 16 && Number.isInteger(Math.log2(found))) return found;
  throw new CheckpointError(`GGUF: general.alignment ${found}, expected a power of two from 8 to 65536`);
}

function readTensor(cursor: Cursor, text: () => string, fail: (offset: number, message: string) => Error) {
  const at = cursor.offset;
  const name = text();
  const axes = cursor.u32();
  if (axes > MAX_AXES) throw fail(at, `"${shown(name)}" has ${axes} axes, expected at most ${MAX_AXES}`);
  const dims = Array.from({ length: axes }, () => Number(cursor.u64())).reverse();
  const count = countOf(dims, `tensor "${shown(name)}"`);
  const type = cursor.u32();
  const offset = Number(cursor.u64());
  return { name, dims, count, type, offset };
}

/** Tensors with their places in the file: each has what lies between its beginning and that of the next one. */
function placed(
  tensors: (Omit<GgufTensor, "at" | "room"> & { offset: number })[],
  data: number,
  fileBytes: number,
): GgufTensor[] {
  const order = tensors.toSorted((a, b) => a.offset - b.offset);
  const rooms = new Map<object, number>();
  for (const [i, tensor] of order.entries()) {
    const end = i + 1 < order.length ? data + order[i + 1]!.offset : fileBytes;
    const room = end - data - tensor.offset;
    if (room < 0) {
      throw new CheckpointError(
        `tensor "${shown(tensor.name)}": begins at byte ${data + tensor.offset}, but the file has ${fileBytes} bytes`,
      );
    }
    rooms.set(tensor, room);
  }
  return tensors.map(({ offset, ...tensor }, i) => ({ ...tensor, at: data + offset, room: rooms.get(tensors[i]!)! }));
}
