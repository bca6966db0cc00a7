import { Cursor } from "../../base/cursor.ts";
import { CheckpointError } from "../../base/errors.ts";
import { isObject, parseJson } from "../../base/json.ts";
import { shown } from "../../base/printable.ts";
import { countOf, ELEMENT_TYPES, type ElementName, readElements } from "../elements.ts";
import { MAX_TENSOR_AXES, type StoredTensor, type WeightsFile } from "../weights_file.ts";

// The format: https://huggingface.co/docs/safetensors. A u64 with the header's length, the header as JSON, and the elements, little-endian and row-major.

/** The format allows 100 MB. A tensor takes some hundred bytes of header, so these are 100,000 tensors; JSON takes some thirty times its bytes when parsed. */
const MAX_HEADER_BYTES = 2 ** 24;

/** What the format calls the types of elements. */
const DTYPES: Record<string, ElementName> = {
  F64: "f64",
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  I64: "i64",
  I32: "i32",
  I16: "i16",
  I8: "i8",
  U8: "u8",
  BOOL: "bool",
};

/** Texts by name, for people; the one entry of the header that is no tensor. */
const METADATA = "__metadata__";

/** The tensors of a safetensors file. They cover all of its data, none twice. Throws CheckpointError. */
export function openSafetensors(bytes: Uint8Array): WeightsFile {
  const { header, data } = readHeader(bytes);
  const found = Object.entries(header).filter(([name]) => name !== METADATA);
  const placed = found.map(([name, entry]) => ({ name, ...readEntry(name, entry) }));
  let end = 0;
  for (const { name, from, to } of placed.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const what =
      from < end ? "overlaps the one before it, which ends" : "leaves a hole behind the one before it, which ends";
    if (from !== end)
      throw new CheckpointError(`${whereOf(name)}: begins at byte ${from} of the data and ${what} at ${end}`);
    end = to;
  }
  if (end !== data.length) {
    throw new CheckpointError(`safetensors: tensors of ${end} bytes, but ${data.length} bytes of data`);
  }
  const tensors = placed.map(({ name, dims, type, count, from, to }): [string, StoredTensor] => {
    const read = () => readElements(data.subarray(from, to), type, count, whereOf(name));
    return [name, { dims, type, read }];
  });
  return { format: "safetensors", tensors: new Map(tensors), notes: [] };
}

/** The texts that a safetensors file has for people, by their names. Throws CheckpointError. */
export function safetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  const metadata = readHeader(bytes).header[METADATA] ?? {};
  if (!isObject(metadata) || !Object.values(metadata).every((text) => typeof text === "string")) {
    throw new CheckpointError(`safetensors: ${METADATA} of other values, expected texts by their names`);
  }
  return metadata as Record<string, string>;
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  const fail = (offset: number, message: string) => new CheckpointError(`safetensors, byte ${offset}: ${message}`);
  const file = new Cursor(bytes, fail);
  const headerBytes = file.u64();
  if (headerBytes > MAX_HEADER_BYTES) {
    throw fail(0, `a header of ${headerBytes} bytes, expected at most ${MAX_HEADER_BYTES}`);
  }
  const text = file.bytes(Number(headerBytes));
  const header = parseJson(text, (message) => fail(8, `the header ${message}`));
  if (!isObject(header)) throw fail(8, "the header is no JSON object");
  return { header, data: file.bytes(file.remaining) };
}

/** An entry of the header: `{ "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }`. */
function readEntry(name: string, entry: unknown) {
  const where = whereOf(name);
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  const type = typeof dtype === "string" && Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype] : undefined;
  if (!type)
    throw new CheckpointError(`${where}: dtype ${shown(`${dtype}`)}, expected ${Object.keys(DTYPES).join(", ")}`);
  if (!isCounts(shape) || shape.length > MAX_TENSOR_AXES) {
    throw new CheckpointError(`${where}: no shape, expected a list of at most ${MAX_TENSOR_AXES} sizes`);
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new CheckpointError(`${where}: no data_offsets, expected where its data begin and end`);
  }
  const [from, to] = offsets as [number, number];
  const count = countOf(shape, where);
  const expected = count * ELEMENT_TYPES[type].bytes;
  if (to - from !== expected) {
    throw new CheckpointError(`${where}: ${to - from} bytes, expected ${expected} for [${shape}] of ${dtype}`);
  }
  return { dims: shape, type, count, from, to };
}

function whereOf(name: string): string {
  return `tensor "${shown(name)}"`;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}
