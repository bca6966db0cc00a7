import { type BigIntStats, constants, existsSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { access, chown, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { InputError } from "../../host/base/errors.ts";
import { asInputError } from "../../host/base/file_errors.ts";
import { removeLeftovers, temporaryName } from "../../host/base/leftovers.ts";
import { UsageError } from "../options/usage.ts";
import { STDIO, writeStdout } from "./stdio.ts";

/** A file to write. */
export interface OutputFile {
  path: string;
  bytes: Uint8Array;
  /** Permissions where it is new, if not all that the umask leaves to read and write. */
  mode?: number;
}

/**
 * Refuses what --out, or another `option`, names where that is a file that the command reads, by whatever path, link or hard link, or the same file twice.
 * `inputs` are paths by what the file is: "model". Throws UsageError.
 */
export function checkOutputs(
  outputs: readonly string[],
  inputs: Record<string, string | undefined>,
  option = "--out",
): void {
  const taken = new Map<string, string>();
  for (const [what, path] of Object.entries(inputs)) {
    if (path !== undefined && path !== STDIO) taken.set(identityOf(path), what);
  }
  for (const path of outputs) {
    if (path === STDIO) continue;
    const what = taken.get(identityOf(path));
    if (what !== undefined)
      throw new UsageError(`${option}${outputs.length > 1 ? `: ${path}` : ""} is the ${what} itself`);
  }
  const files = outputs.filter((path) => path !== STDIO && !isSpecial(path)); // a terminal takes any number
  const twice = files.find((path, i) => files.slice(0, i).some((other) => identityOf(other) === identityOf(path)));
  if (twice !== undefined) throw new UsageError(`${option}: ${twice} is the file of another output, too`);
}

/** What a path leads to: the file, or the place where it would be made. */
function identityOf(path: string): string {
  const stats = statOf(path);
  return stats ? `${stats.dev} ${stats.ino}` : placeOf(path);
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined; // nothing there, or nothing that we may see: reading and writing say which
  }
}

function isSpecial(path: string): boolean {
  return statOf(path)?.isFile() === false;
}

/** More links than that in a row are a circle, as in Linux. */
const MAX_LINKS = 40;

/** The absolute path of what a path leads to; where that does not exist, the path at which it would be made. */
function placeOf(path: string, links = 0): string {
  try {
    return realpathSync(path);
  } catch {
    const target = links < MAX_LINKS ? linkTarget(path) : undefined;
    if (target !== undefined) return placeOf(resolve(dirname(path), target), links + 1);
    const folder = dirname(resolve(path));
    return folder === resolve(path) ? folder : join(placeOf(folder, links), basename(path));
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Writes one file as `writeFilesAtomic` does; "-" is standard output. */
export function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  return path === STDIO ? writeStdout(bytes) : writeFilesAtomic([{ path, bytes }]);
}

/**
 * Writes files, all or none: into temporary ones beside them, flushed to the disk, then each renamed over its path. A file that is there
 * keeps its permissions and, where the system lets us, its owner; one that is read-only is refused. A symbolic link stays, and its file
 * is replaced. An error, Ctrl-C or SIGTERM removes the temporary files; a signal takes effect when that is done. What killed processes
 * have left in those folders is removed. What is no file (a terminal, a pipe, /dev/null) is written to directly. Throws InputError.
 */
export async function writeFilesAtomic(files: readonly OutputFile[]): Promise<void> {
  const targets = [];
  for (const file of files) targets.push({ ...file, old: await checkTarget(file.path) });
  const staged: { temporary: string; path: string; place: string }[] = [];
  let stopped: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    stopped = signal;
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, stop);
  const doing = async <T>(path: string, work: () => Promise<T>): Promise<T> =>
    work().catch((error) => {
      throw asInputError(error, `${path}: cannot be written`);
    });
  try {
    for (const folder of new Set(targets.map(({ path }) => dirname(placeOf(path))))) await removeLeftovers(folder);
    for (const { path, bytes, old, mode } of targets) {
      if (stopped) return;
      if (old && !old.isFile()) continue;
      const place = placeOf(path);
      const temporary = join(dirname(place), temporaryName());
      staged.push({ temporary, path, place });
      await doing(path, () => stage(temporary, bytes, old, mode));
    }
    for (const { path, bytes, old } of targets) {
      if (!stopped && old && !old.isFile()) await doing(path, () => writeFile(path, bytes));
    }
    if (!stopped) for (const { temporary, path, place } of staged) await doing(path, () => rename(temporary, place));
  } finally {
    for (const { temporary } of staged) await rm(temporary, { force: true }); // gone already when renamed
    for (const signal of signals) process.off(signal, stop);
    if (stopped) process.kill(process.pid, stopped);
  }
}

type OldFile = Awaited<ReturnType<typeof stat>>;

/** What is at a path, if there is something. Throws InputError where that is not to be written. */
async function checkTarget(path: string): Promise<OldFile | undefined> {
  const old = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw asInputError(error, `${path}: cannot be written`);
  });
  if (old?.isDirectory()) throw new InputError(`${path}: is a directory, expected a file to write`);
  if (!old) return undefined;
  if (old.isBlockDevice()) throw new InputError(`${path}: is a disk, which would lose what it holds; expected a file`);
  // A rename asks nobody for leave; and whoever may write everything still means a read-only file to stay.
  const isLocked = old.isFile() && (Number(old.mode) & 0o222) === 0;
  const mayWrite = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (isLocked || !mayWrite) throw new InputError(`${path}: cannot be written: it is read-only`);
  return old;
}

/** Writes a temporary file, with the permissions of the one that it will replace, or those of a new one. */
async function stage(temporary: string, bytes: Uint8Array, old: OldFile | undefined, mode = 0o666): Promise<void> {
  const file = await open(temporary, "wx", old ? 0o600 : mode);
  try {
    await file.writeFile(bytes);
    if (old) {
      await chown(temporary, Number(old.uid), Number(old.gid)).catch(() => {}); // only root gives files away
      await file.chmod(Number(old.mode) & 0o777);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes files into a folder, all or none, as `writeFilesAtomic` does; the folder is made where there is none. What it holds already stays
 * as it is, its time too, so that make builds nothing again. `inputs` are files not to write over, by what they are.
 */
export async function writeFolderAtomic(
  folder: string,
  files: Record<string, string | Uint8Array>,
  inputs: Record<string, string | undefined> = {},
): Promise<void> {
  const old = await stat(folder).catch(() => undefined);
  if (old && !old.isDirectory()) throw new InputError(`${folder}: is a file, expected a folder`);
  const all = Object.entries(files).map(([name, content]) => ({
    path: join(folder, name),
    bytes: Buffer.from(content),
  }));
  const changed: OutputFile[] = [];
  for (const file of all) {
    const found = await readFile(file.path).catch(() => undefined);
    if (!found?.equals(file.bytes)) changed.push(file);
  }
  checkOutputs(
    changed.map(({ path }) => path),
    inputs,
  );
  const made: string[] = []; // folders, outermost first
  try {
    for (const { path } of changed) {
      await makeFolder(dirname(path), made);
    }
    await writeFilesAtomic(changed);
  } catch (error) {
    for (const path of made) await rm(path, { recursive: true, force: true }); // only what was made here
    throw asInputError(error, `${folder}: cannot be written`);
  }
}

/** Makes a folder and what is missing above it; adds what it made to `made`. (Node's own way of doing so never ends in /proc.) */
async function makeFolder(path: string, made: string[]): Promise<void> {
  if (existsSync(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path), made);
  await mkdir(path);
  made.push(path);
}
