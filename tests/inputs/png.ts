import { zlibSync } from "fflate";
import { crc32 } from "../../host/base/crc32.ts";
import { PNG_MAGIC } from "../../tools/inputs/png.ts";

/** A PNG file of these chunks. */
export function png(...chunks: [type: string, content: Iterable<number>][]): Uint8Array {
  return Uint8Array.from([...PNG_MAGIC, ...chunks.flatMap(([type, content]) => chunk(type, [...content]))]);
}

function chunk(type: string, content: number[]): number[] {
  const checked = [...new TextEncoder().encode(type), ...content];
  return [...u32be(content.length), ...checked, ...u32be(crc32(Uint8Array.from(checked)))];
}

export function ihdr(width: number, height: number, bits: number, colourType: number, interlace = 0): number[] {
  return [...u32be(width), ...u32be(height), bits, colourType, 0, 0, interlace];
}

/** Rows of pixels, each after the number of its filter, in one IDAT. */
export function idat(...rows: number[][]): Uint8Array {
  return zlibSync(Uint8Array.from(rows.flat()));
}

function u32be(x: number): number[] {
  return [x >>> 24, (x >>> 16) & 255, (x >>> 8) & 255, x & 255];
}
