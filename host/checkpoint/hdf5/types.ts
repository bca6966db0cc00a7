import type { Cursor } from "../../base/cursor.ts";
import { countOf, ELEMENT_TYPES, type ElementName } from "../elements.ts";
import { MAX_TENSOR_AXES } from "../weights_file.ts";
import type { Source } from "./source.ts";

// Types of elements, and shapes.

/** What elements are. `bytes`: of one, as the file has it. */
export type Datatype = { bytes: number } & (
  | { kind: "number"; element: ElementName; isLittleEndian: boolean }
  /** Texts of as many bytes each. */
  | { kind: "text" }
  /** References to texts in a heap. */
  | { kind: "reference" }
  | { kind: "other"; what: string }
);

/** Classes of types. */
const CLASS = { integer: 0, float: 1, text: 3, variable: 9 };

/** Of variable length: a sequence, or a text. */
const VARIABLE_TEXT = 1;

/** Bytes of a reference into a heap: length, address, index. */
const REFERENCE_BYTES = 16;

/** Floats by the bits of exponent and fraction. */
const FLOATS: Record<string, ElementName> = { "11 52": "f64", "8 23": "f32", "5 10": "f16", "8 7": "bf16" };

/** Integers by bits, those below 0 with an i. */
const INTEGERS: Record<string, ElementName> = { i8: "i8", i16: "i16", i32: "i32", i64: "i64", u8: "u8" };

export function readDatatype(cursor: Cursor): Datatype {
  const [head, bits, ,] = [cursor.u8(), cursor.u8(), cursor.u8(), cursor.u8()];
  const bytes = cursor.u32();
  const kind = head & 15;
  const isLittleEndian = (bits & 1) === 0;
  const other = (what: string): Datatype => ({ kind: "other", bytes, what });
  if (kind === CLASS.text) return { kind: "text", bytes };
  if (kind === CLASS.variable && (bits & 15) === VARIABLE_TEXT && bytes === REFERENCE_BYTES)
    return { kind: "reference", bytes };
  if (kind === CLASS.integer) {
    const [offset, precision] = [cursor.u16(), cursor.u16()];
    const name = `${bits & 8 ? "i" : "u"}${precision}`;
    return numbers(offset === 0 ? INTEGERS[name] : undefined) ?? other(`integers, ${name}`);
  }
  if (kind === CLASS.float) {
    const [offset, precision] = [cursor.u16(), cursor.u16()];
    const [exponentAt, exponentBits, fractionAt, fractionBits] = [cursor.u8(), cursor.u8(), cursor.u8(), cursor.u8()];
    const isUsual =
      offset === 0 && fractionAt === 0 && exponentAt === fractionBits && precision === 1 + exponentBits + fractionBits;
    const hasUsualOrder = (bits & 64) === 0; // else that of VAX
    const element = isUsual && hasUsualOrder ? FLOATS[`${exponentBits} ${fractionBits}`] : undefined;
    return numbers(element) ?? other(`floats of ${exponentBits} and ${fractionBits} bits`);
  }
  return other(`of class ${kind}`);

  function numbers(element: ElementName | undefined): Datatype | undefined {
    return element && ELEMENT_TYPES[element].bytes === bytes
      ? { kind: "number", bytes, element, isLittleEndian }
      : undefined;
  }
}

/** What a shape is if it has no elements. */
const NULL_SPACE = 2;

/** The sizes of axes; none for a single element. */
export function readDataspace(source: Source, cursor: Cursor): number[] {
  const at = cursor.offset;
  const [version, rank] = [cursor.u8(), cursor.u8()];
  if (version !== 1 && version !== 2) throw source.fail(at, `a shape of version ${version}, expected 1 or 2`);
  if (rank > MAX_TENSOR_AXES) throw source.fail(at, `a shape of ${rank} axes, expected at most ${MAX_TENSOR_AXES}`);
  cursor.skip(1);
  if (version === 2 && cursor.u8() === NULL_SPACE) return [0];
  if (version === 1) cursor.skip(5);
  const dims = Array.from({ length: rank }, () => source.size(cursor));
  countOf(dims, `HDF5, byte ${at}`);
  return dims;
}
