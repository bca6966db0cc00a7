import { CheckpointError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";
import type { ArchiveFile } from "../archive_file.ts";
import { checkCount, countOf, ELEMENT_TYPES, type ElementName, readElements } from "../elements.ts";
import { transpose } from "../tensor.ts";
import type { StoredTensor, WeightsFile } from "../weights_file.ts";
import { NPY_PREFIX_BYTES, readNpyHeader } from "./npy.ts";

/** What NumPy calls the types of elements, without the order of their bytes. */
const TYPES: Record<string, ElementName> = {
  f8: "f64",
  f4: "f32",
  f2: "f16",
  i8: "i64",
  i4: "i32",
  i2: "i16",
  i1: "i8",
  u1: "u8",
  b1: "bool",
};

const ENDING = ".npy";

/** The arrays of a .npz file, which is a zip archive of .npy files. Throws CheckpointError. */
export function openNpz(entries: ReadonlyMap<string, ArchiveFile>): WeightsFile {
  const arrays = [...entries].filter(([name]) => name.endsWith(ENDING));
  const others = entries.size - arrays.length;
  const notes = others > 0 ? [`${others} of ${entries.size} files in the archive are no arrays and are left out`] : [];
  const tensors = arrays.map(([file, entry]): [string, StoredTensor] => {
    const name = file.slice(0, -ENDING.length);
    return [name, arrayOf(name, entry)];
  });
  return { format: "npz", tensors: new Map(tensors), notes };
}

/** What the one array of a .npy file is called. */
const ALONE = "array";

/** A .npy file. Throws CheckpointError. */
export function openNpy(bytes: Uint8Array): WeightsFile {
  const file = { bytes: bytes.length, start: (count: number) => bytes.subarray(0, count), read: () => bytes };
  return { format: "npz", tensors: new Map([[ALONE, arrayOf(ALONE, file)]]), notes: [] };
}

function arrayOf(name: string, file: ArchiveFile): StoredTensor {
  const where = `array "${shown(name)}"`;
  const fail = (offset: number, message: string) => new CheckpointError(`${where}, byte ${offset}: ${message}`);
  const { descr, fortran_order, shape, at, dataAt } = readNpyHeader(file.start(NPY_PREFIX_BYTES), fail);
  const [, order, word] = descr.match(/^([<>|=])(\w\d)$/) ?? [];
  const type = word !== undefined && Object.hasOwn(TYPES, word) ? TYPES[word] : undefined;
  if (!type)
    throw fail(at, `elements of type "${shown(descr)}", expected ${Object.keys(TYPES).join(", ")}, behind < or >`);
  const count = countOf(shape, where);
  const expected = count * ELEMENT_TYPES[type].bytes;
  if (file.bytes - dataAt !== expected) {
    throw fail(dataAt, `${file.bytes - dataAt} bytes of elements, expected ${expected} for [${shape}] of "${descr}"`);
  }
  const read = () => {
    checkCount(count, where); // before anything is inflated
    const data = readElements(file.read().subarray(dataAt), type, count, where, order !== ">");
    if (!fortran_order) return data;
    // the first axis changes fastest: row-major with the axes turned round
    const axes = shape.map((_, axis) => shape.length - 1 - axis);
    return transpose({ dims: shape.toReversed(), data }, axes).data;
  };
  return { dims: shape, type, read };
}
