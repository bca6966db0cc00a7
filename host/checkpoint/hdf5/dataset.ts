import { Unzlib } from "fflate";
import { inflate } from "../../base/inflate.ts";
import { MAX_WEIGHTS } from "../../base/limits.ts";
import { checkCount, countOf, readElements } from "../elements.ts";
import { walk } from "../tensor.ts";
import type { StoredTensor } from "../weights_file.ts";
import { readNode } from "./group.ts";
import { MESSAGE, type Message } from "./header.ts";
import type { Source } from "./source.ts";
import { readDataspace, readDatatype } from "./types.ts";

// Datasets: elements in one run, or in chunks, each behind filters.

const LAYOUT_VERSION = 3;

/** How elements are laid out. */
const LAYOUT = { compact: 0, contiguous: 1, chunked: 2 };

const CHUNK_TREE = 1;

/** Filters that chunks may have passed. */
const DEFLATE = 1;
const SHUFFLE = 2;

/** Filters of a dataset: more do not come together. */
const MAX_FILTERS = 4;

/** Bytes inflated at a time: 4 MiB at most come of them. */
const PART_BYTES = 2 ** 12;

/** The greatest dataset: the largest tensor in float64. */
const MAX_DATASET_BYTES = 8 * MAX_WEIGHTS;

/** The dataset that messages describe; `where` is what errors call it. */
export function readDataset(source: Source, messages: readonly Message[], where: string): StoredTensor {
  const find = (type: number, what: string): Message => {
    const message = messages.find((each) => each.type === type);
    const at = message?.at ?? messages[0]?.at ?? 0;
    if (!message || message.isShared) {
      throw source.fail(
        at,
        `${where} has ${message ? `${what} that is kept elsewhere` : `no ${what}`}, expected one of its own`,
      );
    }
    return message;
  };
  const dims = readDataspace(source, source.at(find(MESSAGE.dataspace, "shape").at));
  const datatype = readDatatype(source.at(find(MESSAGE.datatype, "type").at));
  const layout = find(MESSAGE.layout, "layout");
  const count = countOf(dims, where);
  if (datatype.kind !== "number") {
    const what = datatype.kind === "other" ? datatype.what : "text";
    return {
      dims,
      type: what,
      read() {
        throw source.fail(layout.at, `${where} is ${what}, expected floats of 16 to 64 bits, or integers`);
      },
    };
  }
  const { element, bytes, isLittleEndian } = datatype;
  return {
    dims,
    type: element,
    read() {
      checkCount(count, where);
      const raw = readLayout(source, layout, {
        dims,
        bytes,
        where,
        filters: () => readFilters(source, messages, where),
      });
      return readElements(raw, element, count, where, isLittleEndian);
    },
  };
}

interface Shape {
  dims: readonly number[];
  /** Of an element. */
  bytes: number;
  where: string;
  filters: () => number[];
}

/** All bytes of a dataset, in row-major order. */
function readLayout(source: Source, { at }: Message, shape: Shape): Uint8Array {
  const { dims, bytes, where } = shape;
  const expected = countOf(dims, where) * bytes;
  const cursor = source.at(at);
  const version = cursor.u8();
  if (version !== LAYOUT_VERSION) {
    throw source.fail(
      at,
      `${where} has a layout of version ${version}, expected ${LAYOUT_VERSION}: write the file with h5py's default libver`,
    );
  }
  const kind = cursor.u8();
  if (kind === LAYOUT.chunked) {
    const axes = cursor.u8();
    const tree = source.address(cursor);
    if (axes !== dims.length + 1)
      throw source.fail(at, `${where} has chunks of ${axes - 1} axes, expected ${dims.length}`);
    const chunk = dims.map(() => cursor.u32());
    return readChunks(source, tree, chunk, shape);
  }
  const isCompact = kind === LAYOUT.compact;
  if (!isCompact && kind !== LAYOUT.contiguous)
    throw source.fail(at, `${where} has a layout of kind ${kind}, expected 0 to 2`);
  const from = isCompact ? undefined : source.address(cursor);
  const found = isCompact ? cursor.u16() : source.size(cursor);
  if (found !== expected)
    throw source.fail(at, `${where} has ${found} bytes, expected ${expected} for [${dims.join(", ")}]`);
  if (isCompact) return cursor.bytes(found);
  if (from === undefined && found > 0) throw source.fail(at, `${where} has no elements yet, expected them`);
  return source.at(from ?? 0).bytes(found);
}

/** Numbers of the filters that chunks passed, in that order. */
function readFilters(source: Source, messages: readonly Message[], where: string): number[] {
  const message = messages.find(({ type }) => type === MESSAGE.filters);
  if (!message) return [];
  const { at } = message;
  const cursor = source.at(at);
  const [version, count] = [cursor.u8(), cursor.u8()];
  if (version !== 1 && version !== 2)
    throw source.fail(at, `${where} has filters of version ${version}, expected 1 or 2`);
  if (count > MAX_FILTERS) throw source.fail(at, `${where} has ${count} filters, expected at most ${MAX_FILTERS}`);
  if (version === 1) cursor.skip(6);
  return Array.from({ length: count }, () => {
    const id = cursor.u16();
    if (id !== DEFLATE && id !== SHUFFLE) {
      throw source.fail(at, `${where} is packed by filter ${id}, expected ${DEFLATE} (gzip) or ${SHUFFLE} (shuffle)`);
    }
    const nameBytes = version === 1 ? cursor.u16() : 0;
    cursor.skip(2); // flags
    const values = cursor.u16();
    cursor.skip(Math.ceil(nameBytes / 8) * 8 + 4 * (version === 1 ? values + (values % 2) : values));
    return id;
  });
}

/** All chunks, each in its place. A chunk is no longer than the dataset along any axis, and none may be left out. */
function readChunks(source: Source, tree: number | undefined, chunk: number[], shape: Shape): Uint8Array {
  const { dims, bytes, where } = shape;
  const at = tree ?? 0;
  if (tree === undefined) throw source.fail(at, `${where} has no chunks yet, expected them`);
  if (chunk.some((size, axis) => size < 1 || size > dims[axis]!)) {
    throw source.fail(
      at,
      `${where} has chunks [${chunk.join(", ")}] of [${dims.join(", ")}], expected none longer than it`,
    );
  }
  const counts = dims.map((size, axis) => Math.ceil(size / chunk[axis]!));
  const chunkBytes = countOf(chunk, where) * bytes;
  const all = countOf(counts, where);
  if (all * chunkBytes > MAX_DATASET_BYTES) {
    throw source.fail(at, `${where} has chunks of ${all * chunkBytes} bytes, expected at most ${MAX_DATASET_BYTES}`);
  }
  const filters = shape.filters();
  const whole = new Uint8Array(countOf(dims, where) * bytes);
  const done = new Set<string>();
  const open: { at: number; level: number | undefined }[] = [{ at: tree, level: undefined }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { level, children } = readNode(source, next.at, CHUNK_TREE, 8 + 8 * (dims.length + 1));
    if (next.level !== undefined && level !== next.level) {
      throw source.fail(next.at, `a node of level ${level}, expected ${next.level}`);
    }
    for (const { key, address } of children) {
      if (level > 0) {
        open.push({ at: address, level: level - 1 });
        continue;
      }
      const cursor = source.at(key);
      const [stored, mask] = [cursor.u32(), cursor.u32()];
      const first = dims.map(() => source.size(cursor));
      if (first.some((place, axis) => place % chunk[axis]! !== 0 || place >= dims[axis]!)) {
        throw source.fail(
          key,
          `${where} has a chunk at [${first.join(", ")}], expected multiples of [${chunk.join(", ")}] inside it`,
        );
      }
      if (done.has(`${first}`)) throw source.fail(key, `${where} has two chunks at [${first.join(", ")}]`);
      done.add(`${first}`);
      const packed = source.at(address).bytes(stored);
      place(
        whole,
        unpacked(source, packed, { filters, mask, at: address, chunkBytes, bytes, where }),
        first,
        chunk,
        shape,
      );
    }
  }
  if (done.size === all) return whole;
  throw source.fail(at, `${where} has ${done.size} chunks, expected ${all}`);
}

interface Packed {
  filters: readonly number[];
  /** A bit for each filter that the chunk did not pass. */
  mask: number;
  at: number;
  chunkBytes: number;
  /** Of an element. */
  bytes: number;
  where: string;
}

function unpacked(
  source: Source,
  packed: Uint8Array,
  { filters, mask, at, chunkBytes, bytes, where }: Packed,
): Uint8Array {
  let data = packed;
  for (let i = filters.length - 1; i >= 0; i--) {
    if (mask & (1 << i)) continue;
    data = filters[i] === DEFLATE ? inflated(source, data, at, chunkBytes, where) : unshuffled(data, bytes);
  }
  if (data.length === chunkBytes) return data;
  throw source.fail(at, `a chunk of ${where} has ${data.length} bytes, expected ${chunkBytes}`);
}

function inflated(source: Source, packed: Uint8Array, at: number, most: number, where: string): Uint8Array {
  const all = new Uint8Array(most);
  const fail = (message: string) => source.fail(at, `a chunk of ${where} ${message}`);
  let end = 0;
  for (const part of inflate(Unzlib, partsOf(packed), fail)) {
    if (end + part.length > most) throw fail(`inflates to more than ${most} bytes`);
    all.set(part, end);
    end += part.length;
  }
  return all.subarray(0, end);
}

function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
}

/** Elements of which first all first bytes stand together, then all second ones. What is left over stays at the end. */
function unshuffled(data: Uint8Array, bytes: number): Uint8Array {
  const count = Math.floor(data.length / bytes);
  const result = data.slice();
  for (let i = 0; i < count; i++) for (let b = 0; b < bytes; b++) result[i * bytes + b] = data[b * count + i]!;
  return result;
}

/** Copies what of a chunk is inside the dataset to where it belongs, line by line. */
function place(
  whole: Uint8Array,
  data: Uint8Array,
  first: readonly number[],
  chunk: readonly number[],
  { dims, bytes }: Shape,
): void {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, size) => product * size, bytes));
  const sizes = chunk.map((size, axis) => Math.min(size, dims[axis]! - first[axis]!));
  const ownStrides = chunk.map((_, axis) => chunk.slice(axis + 1).reduce((product, size) => product * size, bytes));
  const start = first.reduce((sum, at, axis) => sum + at * strides[axis]!, 0);
  const lines = sizes.slice(0, -1);
  const length = (sizes.at(-1) ?? 1) * bytes;
  const from: number[] = [];
  walk(lines, ownStrides.slice(0, -1), 0, (_, at) => from.push(at));
  walk(lines, strides.slice(0, -1), start, (i, to) => whole.set(data.subarray(from[i]!, from[i]! + length), to));
}
