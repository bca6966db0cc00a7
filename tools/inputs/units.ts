import { InputError, type InputRows, type Program } from "../../host/index.ts";
import { isIdentity, realOf, unitText } from "../../host/numbers/unit.ts";
import type { Elements, InputStream } from "./input.ts";

/** How the elements of a file become rows of a model's input. */
export interface Conversion {
  /** One sentence for people. */
  meaning: string;
  /** Of the rows' elements. */
  dtype: "u8" | "i8" | "i16" | "f32";
  /** `part` holds whole rows. */
  convert(part: Elements["data"]): InputRows;
}

/** What the elements of an input are: "u8, x = e / 255 (read)". Where they are real numbers, what a pixel is. */
export function inputText({ tensors, inputs, description }: Program, index: number): string {
  const { dtype } = tensors[inputs[index]!]!;
  const described = description?.inputs[index];
  if (!described) return dtype;
  const { unit, basis } = described;
  return dtype === "f32"
    ? `f32, real numbers; of a pixel p, x = ${unitText(unit, "p")} (${basis})`
    : `${dtype}, x = ${unitText(unit, "e")} (${basis})`;
}

/**
 * What the elements of a file are to the only input of a model. Real numbers are what the checkpoint takes. Pixels, in PNG and idx files, are
 * what the blob says that they stand for. Integers of a .npy file are elements where the input has their dtype; else they are the numbers
 * that they are, where that is no other than to be elements, or where the input takes real numbers, unless a unit was declared for
 * its pixels. Throws InputError for everything else, which could only be guessed: of pixels for int8 elements, say, which of those is black.
 */
export function conversionOf(
  kind: InputStream["kind"],
  found: InputStream["dtype"],
  program: Program,
  path: string,
): Conversion {
  const { dtype, channels } = program.tensors[program.inputs[0]!]!;
  const described = program.description?.inputs[0];
  if (found === "f32") return { meaning: "real numbers", dtype: "f32", convert: (part) => part as InputRows };

  const isPixels = kind !== "npy" || (found === "u8" && dtype === "f32" && described?.basis === "declared");
  const identity = described && isIdentity(described.unit);
  const asElements = (e: string) =>
    described ? `${e}, x = ${unitText(described.unit, e)} (${described.basis})` : `${e} as they are`;
  if (isPixels && dtype !== "i8") {
    const meaning = `pixels ${asElements("p")}`;
    if (dtype === "u8") return { meaning, dtype, convert: (part) => part as InputRows };
    if (dtype === "i16") return { meaning, dtype, convert: (part) => Int16Array.from(part) };
    if (!described)
      throw new InputError(`${path}: found pixels, and the blob has no description that says what they stand for`);
    const real = realOf(described.unit, channels);
    return {
      meaning,
      dtype: "f32",
      convert: (part) => Float32Array.from(part, (pixel, i) => real(pixel, i % channels)),
    };
  }
  if (found === dtype && found !== "i32") {
    return { meaning: `${found} elements ${asElements("e")}`, dtype: found, convert: (part) => part as InputRows };
  }
  if (!isPixels && (dtype === "f32" || identity)) {
    return { meaning: `${found} numbers as they are`, dtype: "f32", convert: (part) => toReal(part, path) };
  }
  const expected = described ? `${dtype} (x = ${unitText(described.unit, "e")}) or f32 (real numbers)` : dtype;
  const pixels = dtype === "i8" && found === "u8" ? `. ${TAKE_PIXELS}` : "";
  throw new InputError(
    `${path}: ${isPixels ? "pixels are u8" : `elements are ${found}`}, expected ${expected}${pixels}`,
  );
}

/** How a model of int8 comes to take pictures: no file says which pixel a code stands for. */
const TAKE_PIXELS =
  "For pixels p, convert with --input u8 and what one stands for, x = (p · scale − mean) / std: --input-scale, --mean, --std";

/** Integers as f32, each of which must be one. */
function toReal(part: ArrayLike<number>, path: string): Float32Array {
  return Float32Array.from(part, (x) => {
    if (Math.fround(x) === x) return x;
    throw new InputError(`${path}: element ${x} is no f32, expected integers up to 16,777,216`);
  });
}
