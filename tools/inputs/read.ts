import { InputError } from "../../host/errors.ts";
import { readIdx } from "./idx.ts";
import { GZIP_MAGIC, gunzip } from "./inflate.ts";
import type { Input } from "./input.ts";
import { NPY_MAGIC, readNpy } from "./npy.ts";
import { PNG_MAGIC, readPng } from "./png.ts";

/** Reads an input file of any known kind, told by its first bytes, or such a file in gzip. `name` is what errors call it. */
export function readInput(bytes: Uint8Array, name: string): Input {
  return startsWith(bytes, GZIP_MAGIC) ? readPlain(gunzip(bytes, name), `${name} (unzipped)`) : readPlain(bytes, name);
}

function readPlain(bytes: Uint8Array, name: string): Input {
  if (startsWith(bytes, NPY_MAGIC)) return readNpy(bytes, name);
  if (startsWith(bytes, PNG_MAGIC)) return readPng(bytes, name);
  if (startsWith(bytes, [0, 0])) return readIdx(bytes, name);
  const found = bytes.length === 0 ? "empty" : `begins with ${hex(bytes.subarray(0, 8))}`;
  throw new InputError(`${name}: ${found}, expected a .npy, idx or PNG file, or one of these in gzip`);
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
