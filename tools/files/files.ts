import { closeSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { readFile as readWhole, stat } from "node:fs/promises";
import { InputError } from "../../host/base/errors.ts";
import { asInputError } from "../../host/base/file_errors.ts";
import { concat } from "../inputs/concat.ts";
import { readStdin, STDIO } from "./stdio.ts";

/** Largest file read. Node itself reads no more than 2 GiB at once. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

const STDIN_CHUNK_BYTES = 2 ** 16;

/** Reads a whole regular file; "-" is standard input. */
export async function readFile(path: string, maxBytes = MAX_FILE_BYTES): Promise<Uint8Array> {
  if (path === STDIO) return readAllOfStdin(maxBytes);
  try {
    const stats = await stat(path);
    checkRegular(stats, path);
    if (stats.size > maxBytes) throw new InputError(`${path}: ${stats.size} bytes, expected at most ${maxBytes}`);
    return new Uint8Array(await readWhole(path));
  } catch (error) {
    throw asInputError(error, `${path}: cannot be read`);
  }
}

function readAllOfStdin(maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of readStdin(STDIN_CHUNK_BYTES)) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new InputError(`standard input: more than ${maxBytes} bytes, expected at most so many`);
    chunks.push(chunk);
  }
  return concat(chunks);
}

/** The bytes of a regular file, or of standard input ("-"), in chunks of `chunkBytes`. It is open from the first chunk that is asked for to the last, or to `return`. */
export function* readChunks(path: string, chunkBytes: number): Generator<Uint8Array> {
  if (path === STDIO) return yield* readStdin(chunkBytes);
  let file: number | undefined;
  try {
    checkRegular(statSync(path), path);
    file = openSync(path, "r");
    for (;;) {
      const chunk = new Uint8Array(chunkBytes);
      const bytes = readSync(file, chunk);
      if (bytes === 0) return;
      yield chunk.subarray(0, bytes);
    }
  } catch (error) {
    throw asInputError(error, `${path}: cannot be read`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function checkRegular(stats: Stats, path: string): void {
  if (stats.isDirectory()) throw new InputError(`${path}: is a directory, expected a file`);
  if (!stats.isFile()) throw new InputError(`${path}: is a device or pipe, expected a file`);
}
