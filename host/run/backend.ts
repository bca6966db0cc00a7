import { checkInstance } from "../base/arguments.ts";
import { EngineError } from "../base/errors.ts";
import { statusText } from "../base/status.ts";
import { type Features, hasPacking } from "../blob/features.ts";
import { HEADER, OP_KIND } from "../blob/layout.ts";
import type { Engine, Instance } from "../engines/engine.ts";
import { orderKey } from "../numbers/order.ts";
import type { Program, Tensor } from "../program.ts";
import { invoke } from "../reference/model.ts";
import { REGION_OPS } from "../reference/region_ops.ts";
import { elementBytes, elementCount, numberCount, positionBytes, rowStride } from "../shape.ts";

/** Something that runs a program's ops: the module in an engine, or the reference. Tensors are (rows, channels), row-major. */
export interface Backend {
  /** "reference", or the engine's name. */
  readonly name: string;
  /** Rows that it has memory for. */
  readonly maxRows: number;
  write(tensor: number, elements: ArrayLike<number>, rows: number): void;
  /** Elements of a tensor; ±1 for bits; those of `into` from `first` on, if given. Meaningful until an op reuses its memory. */
  read(tensor: number, rows: number, into?: Int32Array, first?: number): Int32Array;
  /** Runs the ops firstOp … endOp − 1. */
  invoke(firstOp: number, endOp: number, rows: number): void;
  dispose(): void;
}

/** Rows that the reference runs at a time, whatever a blob's own limit: it keeps all tensors. */
export const REFERENCE_ROWS = 64;

/** The definition: plain loops over `program`. */
export function referenceBackend(
  program: Program,
  maxRows: number = Math.min(program.maxRows, REFERENCE_ROWS),
): Backend {
  const tensors = program.tensors.map((tensor) => new Int32Array(maxRows * numberCount(tensor)));
  return {
    name: "reference",
    maxRows,
    write: (tensor, elements) => {
      const isFloat = program.tensors[tensor]!.dtype === "f32";
      tensors[tensor]!.set(isFloat ? Array.from(elements, orderKey) : elements);
    },
    read: (tensor, rows, into = new Int32Array(rows * numberCount(program.tensors[tensor]!)), first = 0) => {
      into.set(tensors[tensor]!.subarray(0, rows * numberCount(program.tensors[tensor]!)), first);
      return into;
    },
    invoke: (firstOp, endOp, rows) => invoke(program, tensors, rows, firstOp, endOp),
    dispose: () => {},
  };
}

export interface ModuleOptions {
  /** Bytes of tern.wasm. */
  module: Uint8Array;
  blob: Uint8Array;
  engine: Engine;
  /** Where the weights lie while the module runs: in its memory, or outside, read tile by tile. */
  weights: "resident" | "streaming";
  /** Rows to have memory for. */
  maxRows: number;
  /** Units of work that one call may use (engine.ts). */
  fuel?: number | undefined;
  /** Where streamed weights come from; the blob if not given. Returns fewer bytes, or none, when it cannot read. */
  flash?: (offset: number, bytes: number) => Uint8Array | undefined;
}

/** Address of the blob: any multiple of 16 will do, behind what modules keep for themselves (ABI.md). */
export const BLOB_AT = 2048;

/** What the module sees of a blob: all of it, or its head. */
function imageOf({ blob, weights }: ModuleOptions): Uint8Array {
  const headBytes = new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.headBytes, true);
  return weights === "resident" ? blob : blob.subarray(0, headBytes);
}

/** The module in an engine, with the blob's image and `workBytes` bytes behind it in its memory. */
async function start(options: ModuleOptions, image: Uint8Array, workBytes: number): Promise<Instance> {
  const { blob, engine, module, fuel } = options;
  const flash =
    options.flash ??
    ((offset, bytes) => (offset + bytes <= blob.length ? blob.subarray(offset, offset + bytes) : undefined));
  const imports = {
    weights_read(memory: Uint8Array, destination: number, offset: number, bytes: number): number {
      const data = flash(offset, bytes);
      if (data?.length !== bytes || destination + bytes > memory.length) return 1;
      memory.set(data, destination);
      return 0;
    },
  };
  const memoryBytes = BLOB_AT + image.length + workBytes;
  const instance = await engine.instantiate(module, { memoryBytes, imports, ...(fuel !== undefined && { fuel }) });
  checkInstance(instance);
  return orDispose(instance, () => {
    instance.memory().set(image, BLOB_AT);
    return instance;
  });
}

/** What `use` gives; where it throws, the thing that it used is disposed of. */
function orDispose<T>(used: { dispose(): void }, use: () => T): T {
  try {
    return use();
  } catch (error) {
    used.dispose();
    throw error;
  }
}

/** What `use` gives; the thing that it used is disposed of. */
export function using<Used extends { dispose(): void }, T>(used: Used, use: (used: Used) => T): T {
  const result = orDispose(used, () => use(used));
  used.dispose();
  return result;
}

/** What a module says of itself, in an engine. */
export interface ModuleFeatures {
  features: Features;
  /** Bytes at the start of memory that it keeps for itself. */
  ownBytes: number;
  /** Whether a relaxed dot product of bytes is one machine instruction. */
  wide: boolean;
}

export async function moduleFeatures(module: Uint8Array, engine: Engine): Promise<ModuleFeatures> {
  const imports = { weights_read: () => 1 };
  const instance = await engine.instantiate(module, { memoryBytes: 0, imports });
  checkInstance(instance);
  return using(instance, () => {
    const word = (index: number) => instance.call("features", index) >>> 0;
    const features = { ops: word(0), packings: word(1), posts: word(2), dtypes: word(3) };
    const ownBytes = word(4);
    const wide = hasPacking(features.packings, "field2x16") && word(5) !== 0;
    return { features, ownBytes, wide };
  });
}

/** Throws EngineError, of kind "packing", for an op that a module was not built for. */
export function checkOps({ ops }: Program, { ops: has }: Features): void {
  const lacking = ops.find(({ kind }) => !((has >>> OP_KIND[kind]) & 1));
  if (!lacking) return;
  const isFloat = Object.hasOwn(REGION_OPS, lacking.kind);
  const where = isFloat ? ": float regions run in V8 and wasmtime, and on no board yet" : "";
  throw new EngineError("packing", `the module was not built for the op ${lacking.kind}${where}`);
}

/** Bytes of scratch memory that the module needs for a blob. */
export async function planScratch(options: ModuleOptions): Promise<number> {
  const image = imageOf(options);
  const instance = await start(options, image, 0);
  const bytes = using(instance, () => instance.call("plan", BLOB_AT, image.length, options.maxRows));
  if (bytes < 0) throw failed("plan", -bytes);
  return bytes;
}

/** The module, opened on a blob that `readBlob` has read as `program`. Memory (ABI.md): blob or head, then arena, then scratch. */
export async function moduleBackend(program: Program, options: ModuleOptions): Promise<Backend> {
  const { engine, maxRows } = options;
  const image = imageOf(options);
  const arena = BLOB_AT + image.length;
  const workBytes = program.arena.fixed + program.arena.perRow * maxRows + (await planScratch(options));
  const instance = await start(options, image, workBytes);
  const call = (name: string, ...args: number[]): void => {
    const status = instance.call(name, ...args);
    if (status !== 0) throw failed(name, status);
  };
  orDispose(instance, () => call("open", BLOB_AT, image.length, arena, workBytes, 0, maxRows));

  const at = ({ fixed, perRow }: Tensor, rows: number) => arena + fixed + perRow * rows;
  return {
    name: engine.name,
    maxRows,
    write(index, elements, rows) {
      const tensor = program.tensors[index]!;
      const memory = instance.memory();
      for (let row = 0; row < rows; row++) {
        const start = at(tensor, rows) + row * rowStride(tensor);
        const slot = memory.subarray(start, start + rowStride(tensor));
        if (tensor.dtype === "bit") slot.fill(0);
        encodeRow(slot, tensor, elements, row * elementCount(tensor));
      }
    },
    read(index, rows, into = new Int32Array(rows * numberCount(program.tensors[index]!)), first = 0) {
      const tensor = program.tensors[index]!;
      const memory = instance.memory();
      for (let row = 0; row < rows; row++) {
        const start = at(tensor, rows) + row * rowStride(tensor);
        decodeRow(
          memory.subarray(start, start + elementBytes(tensor)),
          tensor,
          into,
          first + row * numberCount(tensor),
        );
      }
      return into;
    },
    invoke: (firstOp, endOp, rows) => call("invoke", firstOp, endOp, rows),
    dispose: () => instance.dispose(),
  };
}

function failed(name: string, status: number): EngineError {
  return new EngineError("status", `${name} returned status ${status}, ${statusText(status) ?? "unknown"}`);
}

/** Elements from `elements[first]` on → bytes of a row. */
export function encodeRow(row: Uint8Array, tensor: Tensor, elements: ArrayLike<number>, first = 0): void {
  const { dtype } = tensor;
  const count = elementCount(tensor);
  const isByte = dtype === "u8" || dtype === "i8";
  if (isByte && (elements instanceof Uint8Array || elements instanceof Int8Array)) {
    row.set(elements.subarray(first, first + count)); // many times as fast as one by one
    return;
  }
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  for (let c = 0; c < count; c++) {
    const element = elements[first + c]!;
    if (dtype === "bit") {
      const bit = bitOf(tensor, c);
      row[bit >> 3]! |= (element < 0 ? 1 : 0) << (bit & 7);
    } else if (dtype === "u8" || dtype === "i8") row[c] = element;
    else if (dtype === "i16") view.setInt16(2 * c, element, true);
    else if (dtype === "i32") view.setInt32(4 * c, element, true);
    else view.setFloat32(4 * c, element, true);
  }
}

/** The bit of a row that holds an element: positions are whole words. */
function bitOf(tensor: Tensor, element: number): number {
  const position = Math.floor(element / tensor.channels);
  return 8 * position * positionBytes(tensor) + (element % tensor.channels);
}

/** Bytes of a row → elements from `elements[first]` on; an f32 as its order key, as in the reference. */
export function decodeRow(row: Uint8Array, tensor: Tensor, elements: Int32Array, first = 0): void {
  const { dtype } = tensor;
  const count = elementCount(tensor);
  if (dtype === "u8") {
    elements.set(row.subarray(0, count), first); // many times as fast as one by one
    return;
  }
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  if (dtype === "scaled8") {
    for (let at = 0; at < row.length; at += positionBytes(tensor)) {
      elements[first++] = orderKey(view.getFloat32(at, true));
      for (let c = 0; c < tensor.channels; c++) elements[first++] = view.getInt8(at + 4 + c);
    }
    return;
  }
  for (let c = 0; c < count; c++) {
    const bit = dtype === "bit" ? bitOf(tensor, c) : 0;
    elements[first + c] =
      dtype === "bit"
        ? 1 - 2 * ((row[bit >> 3]! >> (bit & 7)) & 1)
        : dtype === "i8"
          ? view.getInt8(c)
          : dtype === "i16"
            ? view.getInt16(2 * c, true)
            : dtype === "i32"
              ? view.getInt32(4 * c, true)
              : orderKey(view.getFloat32(4 * c, true));
  }
}
