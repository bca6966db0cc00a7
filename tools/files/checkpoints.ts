import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../host/base/errors.ts";
import { asInputError } from "../../host/base/file_errors.ts";
import { writeTar } from "../../host/checkpoint/tar.ts";
import { readFile } from "./files.ts";
import { STDIO } from "./stdio.ts";

/** Files of a folder, and their bytes together: a folder of parameters has some hundred files, and a few megabytes. */
const MAX_FILES = 1 << 12;
const MAX_BYTES = 2 ** 28;

/**
 * Reads a checkpoint: a file, or a folder of files, which is packed as a tar archive that depends on their names and bytes alone. What lies in folders within it
 * is left out.
 */
export async function readCheckpointFile(path: string): Promise<Uint8Array> {
  const isFolder =
    path !== STDIO &&
    (await stat(path).then(
      (stats) => stats.isDirectory(),
      () => false,
    ));
  if (!isFolder) return readFile(path);
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    throw asInputError(error, `${path}: cannot be read`);
  });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  if (names.length > MAX_FILES)
    throw new InputError(`${path}: ${names.length} files, expected a folder of at most ${MAX_FILES}`);
  const files = new Map<string, Uint8Array>();
  let left = MAX_BYTES;
  for (const name of names) {
    const bytes = await readFile(join(path, name), left);
    left -= bytes.length;
    files.set(name, bytes);
  }
  return writeTar(files);
}
