import type { Cursor } from "../../host/base/cursor.ts";
import { InputError } from "../../host/base/errors.ts";
import { NPY_MAGIC, NPY_PREFIX_BYTES, readNpyHeader } from "../../host/checkpoint/npz/npy.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { Elements, InputStream } from "./input.ts";
import { type Fail, readParts, type Stored } from "./stored.ts";

/** How elements are stored, by `descr`. The 64-bit types, NumPy's defaults, become 32-bit ones. */
const STORED: Record<string, Omit<Stored, "type">> = {
  "|u1": { bytes: 1, dtype: "u8", read: (file, count) => file.bytes(count).slice() },
  "|i1": { bytes: 1, dtype: "i8", read: (file, count) => new Int8Array(file.bytes(count)) },
  "<i2": { bytes: 2, dtype: "i16", read: (file, count) => fill(new Int16Array(count), () => file.i16()) },
  "<i4": { bytes: 4, dtype: "i32", read: (file, count) => fill(new Int32Array(count), () => file.i32()) },
  "<i8": { bytes: 8, dtype: "i32", read: readI64 },
  "<f4": { bytes: 4, dtype: "f32", read: (file, count) => fill(new Float32Array(count), () => file.f32()) },
  "<f8": { bytes: 8, dtype: "f32", read: (file, count) => fill(new Float32Array(count), () => file.f64()) },
};

/** Opens an array; `name` is what errors call it. Floats are finite. */
export function openNpy(file: ByteStream, name: string): InputStream {
  const fail: Fail = (offset, message) => new InputError(`${name}, byte ${offset}: ${message}`);
  const { descr, fortran_order, shape, at, dataAt } = readNpyHeader(file.peek(NPY_PREFIX_BYTES), fail);

  const stored = Object.hasOwn(STORED, descr) ? STORED[descr]! : undefined;
  if (!stored) throw fail(at, `elements of type "${descr}", expected ${Object.keys(STORED).join(", ")}`);
  if (fortran_order) throw fail(at, "elements in Fortran order, expected C order (numpy.ascontiguousarray)");
  file.take(dataAt);
  return {
    kind: "npy",
    shape,
    dtype: stored.dtype,
    parts: (count) => readParts(file, shape, { type: descr, ...stored }, count, name),
    close: () => file.close(),
  };
}

function fill<T extends Int16Array | Int32Array | Float32Array>(data: T, next: () => number): T {
  for (let i = 0; i < data.length; i++) data[i] = next();
  return data;
}

function readI64(file: Cursor, count: number, fail: Fail): Int32Array {
  const next = () => {
    const value = file.i64();
    if (BigInt.asIntN(32, value) !== value) throw fail(file.offset - 8, `element ${value}, expected the range of i32`);
    return Number(value);
  };
  return fill(new Int32Array(count), next);
}

const DESCR = { u8: "|u1", i8: "|i1", i16: "<i2", i32: "<i4", f32: "<f4" };

/** Writes an array as NumPy does: version 1, elements from a multiple of 64 bytes on. */
export function writeNpy({ shape, dtype, data }: Elements & { shape: readonly number[] }): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${DESCR[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefixBytes = NPY_MAGIC.length + 4; // magic, version, header length
  const headerBytes = Math.ceil((prefixBytes + dictionary.length + 1) / 64) * 64 - prefixBytes;
  const file = new Uint8Array(prefixBytes + headerBytes + data.byteLength);
  file.set([...NPY_MAGIC, 1, 0, headerBytes & 0xff, headerBytes >> 8]);
  file.set(new TextEncoder().encode(`${dictionary.padEnd(headerBytes - 1)}\n`), prefixBytes);
  const view = new DataView(file.buffer, prefixBytes + headerBytes);
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    switch (dtype) {
      case "u8":
        view.setUint8(i, x);
        break;
      case "i8":
        view.setInt8(i, x);
        break;
      case "i16":
        view.setInt16(2 * i, x, true);
        break;
      case "i32":
        view.setInt32(4 * i, x, true);
        break;
      case "f32":
        view.setFloat32(4 * i, x, true);
        break;
    }
  }
  return file;
}
