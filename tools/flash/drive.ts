import { existsSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "../../host/base/errors.ts";
import { asInputError } from "../../host/base/file_errors.ts";
import { STDIO } from "../files/stdio.ts";

// A drive that is a boot loader (https://github.com/microsoft/uf2) takes blocks by what they hold, whatever file they are in, and restarts the
// board behind the last one. A temporary file would be taken, too, and be gone before it has its name: so such a file is written in its place.

/** Which file every such drive has. */
const INFO = "INFO_UF2.TXT";

/** The file to write for a path: of a drive, one with the model's name on it. Throws InputError for another folder. */
export async function uf2File(path: string, model: string): Promise<string> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (path === STDIO || !isFolder) return path;
  if (!existsSync(join(path, INFO))) {
    throw new InputError(`${path}: is a folder without ${INFO}; expected a file, or the drive of a boot loader`);
  }
  const name = model === STDIO ? "model" : basename(model).replace(/\.[^.]*$/, "");
  return join(path, `${name}.uf2`);
}

/** Whether a file lies on the drive of a boot loader. */
export function isOnDrive(path: string): boolean {
  return path !== STDIO && existsSync(join(dirname(path), INFO));
}

/** How writing to a drive ended: the file lies there, or the drive went away behind the last byte, as it does when a board has all it waits for. */
export type OnDrive = "written" | "drive gone";

/** Writes a file on the drive of a boot loader. Throws InputError. */
export async function writeOnDrive(path: string, bytes: Uint8Array): Promise<OnDrive> {
  try {
    const file = await open(path, "w");
    try {
      await file.writeFile(bytes);
      await file.sync().catch((error) => {
        if (isOnDrive(path)) throw error;
      });
    } finally {
      await file.close().catch(() => {}); // what could fail has been synced
    }
  } catch (error) {
    throw asInputError(error, `${path}: cannot be written`);
  }
  return isOnDrive(path) ? "written" : "drive gone";
}
