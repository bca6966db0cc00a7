import { Cursor } from "../../base/cursor.ts";

/** NumPy's array file, versions 1 to 3: numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
export const NPY_MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"

/** NumPy's own limits: `max_header_size`, and the greatest number of axes. */
const MAX_HEADER_BYTES = 10_000;
const MAX_AXES = 64;

/** Bytes in which a header ends: magic, version and header length take at most 12. */
export const NPY_PREFIX_BYTES = 12 + MAX_HEADER_BYTES;

type Fail = (offset: number, message: string) => Error;

export interface NpyHeader {
  /** The type of the elements: "<f4". */
  descr: string;
  fortran_order: boolean;
  shape: number[];
  /** Byte at which the header's text begins, and the elements. */
  at: number;
  dataAt: number;
}

/** Reads the header that a file's first bytes (NPY_PREFIX_BYTES, or all) hold. `fail` makes an error out of an offset and a message. */
export function readNpyHeader(bytes: Uint8Array, fail: Fail): NpyHeader {
  const start = new Cursor(bytes, fail);
  if (!NPY_MAGIC.every((byte) => start.u8() === byte)) throw fail(0, "no .npy file, expected one");
  const version = start.u8();
  if (version < 1 || version > 3) throw fail(6, `.npy version ${version}, expected 1, 2 or 3`);
  start.skip(1); // minor version
  const headerBytes = version === 1 ? start.u16() : start.u32();
  if (headerBytes > MAX_HEADER_BYTES) {
    throw fail(8, `header of ${headerBytes} bytes, expected at most ${MAX_HEADER_BYTES}`);
  }
  const at = start.offset;
  const header = parseHeader(start.bytes(headerBytes), (offset, message) => fail(at + offset, message));
  return { ...header, at, dataAt: start.offset };
}

/** Header: the Python literal `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, read as the JSON that it nearly is. */
function parseHeader(bytes: Uint8Array, fail: Fail): Omit<NpyHeader, "at" | "dataAt"> {
  const json = new TextDecoder("latin1")
    .decode(bytes)
    .replaceAll("'", '"')
    .replace("True", "true")
    .replace("False", "false")
    .replace("(", "[")
    .replace(/,? *\)/, "]")
    .replace(/, *\}/, "}");
  let header: Partial<Record<keyof NpyHeader, unknown>>;
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
