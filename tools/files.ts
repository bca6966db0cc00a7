import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { open, readFile as readWhole, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "../host/errors.ts";
import { concat } from "./inputs/concat.ts";
import { readStdin, STDIO, writeStdout } from "./stdio.ts";

/** Largest file read. Node itself reads no more than 2 GiB at once. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

const STDIN_CHUNK_BYTES = 2 ** 16;

const REASONS: Record<string, string> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota used up",
  EFBIG: "larger than files may be here",
  EISDIR: "is a directory",
  ENAMETOOLONG: "name too long",
  ENOENT: "no such file or folder",
  ENOSPC: "no space left on the disk",
  ENOTDIR: "part of the path is not a folder",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
};

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

/**
 * Writes a file all or nothing: into a temporary file beside it, flushed to the disk, then renamed over `path`, which may
 * exist. An error, Ctrl-C or SIGTERM removes the temporary file; a signal takes effect when that is done.
 * What is no file (a terminal, a pipe, /dev/null) is written to directly; "-" is standard output.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  if (path === STDIO) return writeStdout(bytes);
  try {
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isDirectory()) throw new InputError(`${path}: is a directory, expected a file to write`);
    if (stats && !stats.isFile()) await writeFile(path, bytes);
    else await replace(stats ? await realpath(path) : path, bytes); // a symbolic link stays, and its file is replaced
  } catch (error) {
    throw asInputError(error, `${path}: cannot be written`);
  }
}

async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  let stopped: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    stopped = signal;
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, stop);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (!stopped) await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true }); // gone already when renamed
    for (const signal of signals) process.off(signal, stop);
    if (stopped) process.kill(process.pid, stopped);
  }
}

function asInputError(error: unknown, what: string): InputError {
  if (error instanceof InputError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new InputError(`${what}: ${REASONS[code] ?? message}`);
}
