import { CheckpointError } from "../base/errors.ts";
import { MAX_WEIGHTS } from "../base/limits.ts";

/** How a file stores the elements of a tensor. */
export interface ElementType {
  bytes: 1 | 2 | 4 | 8;
  /** The element at byte `at`. */
  read(view: DataView, at: number, isLittleEndian: boolean): number;
}

/** By one word each, which the formats translate into their own. */
export const ELEMENT_TYPES = {
  f64: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  f32: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f16: { bytes: 2, read: (view, at, little) => halfToNumber(view.getUint16(at, little)) },
  bf16: { bytes: 2, read: (view, at, little) => bfloatToNumber(view.getUint16(at, little)) },
  i64: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  i32: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  i16: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  i8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  u8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  bool: { bytes: 1, read: (view, at) => Number(view.getUint8(at) !== 0) },
} satisfies Record<string, ElementType>;

export type ElementName = keyof typeof ELEMENT_TYPES;

/** Number of elements of a shape. Each factor and the product stay below 2^53, so nothing is lost. */
export function countOf(dims: readonly number[], where: string): number {
  let product = 1;
  for (const size of dims) {
    product *= size;
    if (!(Number.isInteger(size) && size >= 0 && Number.isSafeInteger(product))) {
      throw new CheckpointError(`${where}: impossible shape [${dims}]`);
    }
  }
  return product;
}

/** The `count` elements that bytes hold, one behind another. All are finite numbers, and integers are exact. Throws CheckpointError. */
export function readElements(
  bytes: Uint8Array,
  type: ElementName,
  count: number,
  where: string,
  isLittleEndian = true,
): Float64Array {
  const { bytes: size, read }: ElementType = ELEMENT_TYPES[type];
  checkCount(count, where);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = read(view, i * size, isLittleEndian);
  const isGood = type.startsWith("i") ? Number.isSafeInteger : Number.isFinite;
  const bad = data.findIndex((x) => !isGood(x));
  if (bad < 0) return data;
  const expected = type === "i64" ? "an integer below 2^53" : "a finite number";
  throw new CheckpointError(`${where}: element ${bad} is ${data[bad]}, expected ${expected}`);
}

/** Throws CheckpointError for more elements than a network may have. */
export function checkCount(count: number, where: string): void {
  if (count <= MAX_WEIGHTS) return;
  throw new CheckpointError(`${where}: ${count} elements, expected at most ${MAX_WEIGHTS}`);
}

/** IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The upper half of an f32. */
export function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}
