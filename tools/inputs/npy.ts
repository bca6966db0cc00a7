import { Cursor } from "../../host/cursor.ts";
import { InputError } from "../../host/errors.ts";
import type { Elements, Input } from "./input.ts";
import { elementCount, formatIndex, formatShape } from "./shape.ts";

/** NumPy's array file, versions 1 to 3: numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
export const NPY_MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"

/** NumPy's own limits: `max_header_size`, and the greatest number of axes. */
const MAX_HEADER_BYTES = 10_000;
const MAX_AXES = 64;

type Fail = (offset: number, message: string) => Error;

/** How elements are stored, by `descr`. The 64-bit types, NumPy's defaults, become 32-bit ones. */
const STORED: Record<string, { bytes: number; read(file: Cursor, count: number, fail: Fail): Elements }> = {
  "|u1": { bytes: 1, read: (file, count) => ({ dtype: "u8", data: file.bytes(count).slice() }) },
  "|i1": { bytes: 1, read: (file, count) => ({ dtype: "i8", data: new Int8Array(file.bytes(count)) }) },
  "<i2": { bytes: 2, read: (file, count) => ({ dtype: "i16", data: fill(new Int16Array(count), () => file.i16()) }) },
  "<i4": { bytes: 4, read: (file, count) => ({ dtype: "i32", data: fill(new Int32Array(count), () => file.i32()) }) },
  "<i8": { bytes: 8, read: readI64 },
  "<f4": { bytes: 4, read: (file, count) => ({ dtype: "f32", data: fill(new Float32Array(count), () => file.f32()) }) },
  "<f8": { bytes: 8, read: (file, count) => ({ dtype: "f32", data: fill(new Float32Array(count), () => file.f64()) }) },
};

/** Reads an array; `name` is what errors call it. Floats are finite. */
export function readNpy(bytes: Uint8Array, name: string): Input {
  const fail: Fail = (offset, message) => new InputError(`${name}, byte ${offset}: ${message}`);
  const file = new Cursor(bytes, fail);
  file.skip(NPY_MAGIC.length);
  const version = file.u8();
  if (version < 1 || version > 3) throw fail(6, `.npy version ${version}, expected 1, 2 or 3`);
  file.skip(1); // minor version
  const headerBytes = version === 1 ? file.u16() : file.u32();
  if (headerBytes > MAX_HEADER_BYTES) {
    throw fail(8, `header of ${headerBytes} bytes, expected at most ${MAX_HEADER_BYTES}`);
  }
  const headerOffset = file.offset;
  const header = parseHeader(file.bytes(headerBytes), (offset, message) => fail(headerOffset + offset, message));
  const { descr, fortran_order, shape } = header;

  const stored = Object.hasOwn(STORED, descr) ? STORED[descr]! : undefined;
  if (!stored) throw fail(headerOffset, `elements of type "${descr}", expected ${Object.keys(STORED).join(", ")}`);
  if (fortran_order) throw fail(headerOffset, "elements in Fortran order, expected C order (numpy.ascontiguousarray)");
  const count = elementCount(shape);
  if (count * stored.bytes !== file.remaining) {
    const expected = `${count * stored.bytes} for shape ${formatShape(shape)} of "${descr}"`;
    throw fail(file.offset, `${file.remaining} bytes of elements, expected ${expected}`);
  }
  const elements = stored.read(file, count, fail);
  if (elements.dtype === "f32") {
    const element = elements.data.findIndex((x) => !Number.isFinite(x));
    if (element >= 0) {
      const found = `${elements.data[element]}, expected a finite number in the range of f32`;
      throw new InputError(`${name}: element ${formatIndex(element, shape)} is ${found}`);
    }
  }
  return { kind: "npy", shape, ...elements };
}

function fill<T extends Int16Array | Int32Array | Float32Array>(data: T, next: () => number): T {
  for (let i = 0; i < data.length; i++) data[i] = next();
  return data;
}

function readI64(file: Cursor, count: number, fail: Fail): Elements {
  const next = () => {
    const value = file.i64();
    if (BigInt.asIntN(32, value) !== value) throw fail(file.offset - 8, `element ${value}, expected the range of i32`);
    return Number(value);
  };
  return { dtype: "i32", data: fill(new Int32Array(count), next) };
}

interface Header {
  descr: string;
  fortran_order: boolean;
  shape: number[];
}

/** Header: the Python literal `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, read as the JSON that it nearly is. */
function parseHeader(bytes: Uint8Array, fail: Fail): Header {
  const json = new TextDecoder("latin1")
    .decode(bytes)
    .replaceAll("'", '"')
    .replace("True", "true")
    .replace("False", "false")
    .replace("(", "[")
    .replace(/,? *\)/, "]")
    .replace(/, *\}/, "}");
  let header: Partial<Record<keyof Header, unknown>>;
  try {
    header = JSON.parse(json);
  } catch {
    throw fail(0, "header is not that of an array of plain numbers");
  }
  const { descr, fortran_order, shape } = header ?? {};
  if (typeof descr !== "string") throw fail(0, 'header lacks "descr" of plain numbers');
  if (typeof fortran_order !== "boolean") throw fail(0, 'header lacks "fortran_order"');
  if (
    !Array.isArray(shape) ||
    shape.length > MAX_AXES ||
    !shape.every((size) => Number.isSafeInteger(size) && size >= 0)
  ) {
    throw fail(0, 'header lacks "shape"');
  }
  return { descr, fortran_order, shape };
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
