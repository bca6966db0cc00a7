import { Cursor } from "../../base/cursor.ts";
import { CheckpointError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";
import type { ArchiveFile } from "../archive_file.ts";
import { checkCount, countOf, ELEMENT_TYPES, readElements } from "../elements.ts";
import { walk } from "../tensor.ts";
import type { StoredTensor, WeightsFile } from "../weights_file.ts";
import { type Pickled, type Storage, TorchTensor, unpickle } from "./pickle.ts";

// PyTorch's files: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py

/** The bytes of a storage. */
type ReadStorage = (storage: Storage) => Uint8Array;

/** The name that ends that of the pickle in an archive. */
export const PICKLE_FILE = "/data.pkl";

/** A file as torch.save writes it since 1.6: an archive of a pickle and of storages, each a file of its own. Throws CheckpointError. */
export function openTorchZip(entries: ReadonlyMap<string, ArchiveFile>): WeightsFile {
  const pickles = [...entries.keys()].filter((name) => name.endsWith(PICKLE_FILE));
  if (pickles.length !== 1)
    throw new CheckpointError(`PyTorch: ${pickles.length} files ${PICKLE_FILE} in the archive, expected one`);
  const root = pickles[0]!.slice(0, -PICKLE_FILE.length);
  const pickle = entries.get(pickles[0]!)!.read();
  const value = unpickle(new Cursor(pickle, failIn("data.pkl")), "data.pkl");
  const order = entries.get(`${root}/byteorder`)?.read();
  const isLittleEndian = order === undefined || new TextDecoder().decode(order).trim() === "little";
  let last: { key: string; bytes: Uint8Array } | undefined; // tensors that share a storage stand together
  const read: ReadStorage = ({ key }) => {
    if (last?.key === key) return last.bytes;
    const entry = entries.get(`${root}/data/${key}`);
    if (!entry) throw new CheckpointError(`PyTorch: no file "data/${shown(key)}" in the archive, expected a storage`);
    last = { key, bytes: entry.read() };
    return last.bytes;
  };
  return stateDict(value, read, isLittleEndian);
}

/** What begins an old file, as a number. */
const MAGIC = Number(0x1950a86a20f9469cfc6cn);
const PROTOCOL = 1001;

/** A file as torch.save wrote it before 1.6: pickles one behind another, and then the storages. Throws CheckpointError. */
export function openTorchStream(bytes: Uint8Array): WeightsFile {
  const file = new Cursor(bytes, failIn("PyTorch"));
  const magic = unpickle(file, "PyTorch");
  if (magic !== MAGIC) throw new CheckpointError("PyTorch: a pickle of another kind, expected a file of torch.save");
  const protocol = unpickle(file, "PyTorch");
  if (protocol !== PROTOCOL)
    throw new CheckpointError(`PyTorch: protocol ${shownValue(protocol)}, expected ${PROTOCOL}`);
  const system = unpickle(file, "PyTorch");
  const isLittleEndian = !(system instanceof Map) || system.get("little_endian") !== false;
  const value = unpickle(file, "PyTorch");
  const keys = unpickle(file, "PyTorch");
  if (!Array.isArray(keys)) throw new CheckpointError("PyTorch: no list of storages behind the pickle, expected one");
  const sizes = sizesOf(value);
  const storages = new Map<Pickled, Uint8Array>();
  for (const key of keys) {
    const size = sizes.get(key);
    if (size === undefined || storages.has(key)) {
      throw new CheckpointError(
        `PyTorch: storage ${shownValue(key)} is listed, but ${size ? "twice" : "no tensor has it"}`,
      );
    }
    const count = file.u64();
    const expected = BigInt(size.count);
    if (count !== expected) {
      throw new CheckpointError(`PyTorch: storage ${shownValue(key)} of ${count} elements, expected ${expected}`);
    }
    storages.set(key, file.bytes(size.count * ELEMENT_TYPES[size.type].bytes));
  }
  const read: ReadStorage = ({ key }) => {
    const found = storages.get(key);
    if (!found) throw new CheckpointError(`PyTorch: no storage "${shown(key)}" behind the pickle, expected one`);
    return found;
  };
  return stateDict(value, read, isLittleEndian);
}

function failIn(where: string): (offset: number, message: string) => Error {
  return (offset, message) => new CheckpointError(`${where}, byte ${offset}: ${message}`);
}

/** All storages of tensors within a value, by key. Nothing recurs, and a value that holds itself is seen once. */
function sizesOf(root: Pickled): Map<Pickled, Storage> {
  const sizes = new Map<Pickled, Storage>();
  const waiting: Pickled[] = [root];
  const seen = new Set<Pickled>(waiting);
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (value instanceof TorchTensor) sizes.set(value.storage.key, value.storage);
    const inner = value instanceof Map ? value.values() : Array.isArray(value) ? value : [];
    for (const each of inner) {
      if (typeof each !== "object" || each === null || seen.has(each)) continue;
      seen.add(each);
      waiting.push(each);
    }
  }
  return sizes;
}

/** Under which names training scripts keep a state dict. */
const NESTINGS = ["state_dict", "model_state_dict", "model", "net", "module"];

/** What wrappers of models put before all names: of several devices, and of torch.compile. */
const PREFIXES = ["module.", "_orig_mod."];

/** The tensors of a state dict, wherever it is. */
function stateDict(root: Pickled, read: ReadStorage, isLittleEndian: boolean): WeightsFile {
  const notes: string[] = [];
  let dict = root;
  for (const name of NESTINGS) {
    const inner: Pickled | undefined = dict instanceof Map ? dict.get(name) : undefined;
    if (!(inner instanceof Map) || inner === dict) continue;
    dict = inner;
    notes.push(`the state dict is the file's "${name}"`);
  }
  const entries: [string, TorchTensor][] = [];
  const others: string[] = [];
  for (const [name, value] of dict instanceof Map ? dict : []) {
    if (typeof name === "string" && value instanceof TorchTensor) entries.push([name, value]);
    else others.push(shownValue(name));
  }
  if (entries.length === 0) {
    const found = dict instanceof Map ? `a dict of ${others.slice(0, 5).join(", ") || "nothing"}` : shownValue(dict);
    throw new CheckpointError(
      `PyTorch: found ${found}, expected a state dict of tensors, by itself or under ${NESTINGS.join(", ")}`,
    );
  }
  if (others.length > 0) notes.push(`${others.length} entries of the state dict are no tensors and are left out`);
  const prefix =
    PREFIXES.find((each) => entries.every(([name]) => name.startsWith(each) && name.length > each.length)) ?? "";
  if (prefix) notes.push(`the names of all tensors begin with "${prefix}", which is left out`);
  const tensors = entries.map(([name, tensor]): [string, StoredTensor] => {
    const short = name.slice(prefix.length);
    return [short, storedTensor(short, tensor, read, isLittleEndian)];
  });
  return { format: "torch", tensors: new Map(tensors), notes };
}

function storedTensor(name: string, tensor: TorchTensor, read: ReadStorage, isLittleEndian: boolean): StoredTensor {
  const { storage, offset, dims, strides } = tensor;
  const where = `tensor "${shown(name)}"`;
  const count = countOf(dims, where);
  const last = count === 0 ? -1 : offset + dims.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
  if (!(last < storage.count)) {
    throw new CheckpointError(`${where}: its last element is number ${last} of a storage of ${storage.count}`);
  }
  if (count > storage.count) {
    const advice = "each once; in Python, tensor.contiguous() makes that of an expanded one";
    throw new CheckpointError(`${where}: ${count} elements of a storage of ${storage.count}, expected ${advice}`);
  }
  const { bytes: size } = ELEMENT_TYPES[storage.type];
  return {
    dims,
    type: storage.type,
    read() {
      checkCount(count, where);
      const bytes = read(storage);
      if (bytes.length !== storage.count * size) {
        throw new CheckpointError(`${where}: a storage of ${bytes.length} bytes, expected ${storage.count * size}`);
      }
      const own = isRowMajor(dims, strides)
        ? bytes.subarray(offset * size, (offset + count) * size)
        : gathered(bytes, size, count, tensor);
      return readElements(own, storage.type, count, where, isLittleEndian);
    },
  };
}

function isRowMajor(dims: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    if (dims[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= dims[axis]!;
  }
  return true;
}

/** The elements of a tensor with other strides, in row-major order. */
function gathered(bytes: Uint8Array, size: number, count: number, { offset, dims, strides }: TorchTensor): Uint8Array {
  const result = new Uint8Array(count * size);
  walk(dims, strides, offset, (i, from) => {
    for (let byte = 0; byte < size; byte++) result[i * size + byte] = bytes[from * size + byte]!;
  });
  return result;
}

/** A value in a few words. */
function shownValue(value: Pickled): string {
  if (typeof value === "string") return `"${shown(value)}"`;
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value instanceof TorchTensor ? "a tensor" : "an object";
}
