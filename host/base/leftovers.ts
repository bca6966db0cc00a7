import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { asInputError } from "./file_errors.ts";

// A program that is killed leaves its temporary files behind. Their names tell whose they are, so that a later one can remove them.

/** Of this machine: a process of another one, on a shared disk, may live where we see none. */
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const NAME = /^\.tern-([0-9a-f]{8})-(\d+)-[0-9a-f]{16}\.tmp$/;

/** A new name for a temporary file or folder of this process. */
export function temporaryName(): string {
  return `.tern-${HOST}-${process.pid}-${randomBytes(8).toString("hex")}.tmp`;
}

/** Removes from a folder the temporary files and folders of ours whose process is gone. What cannot be removed stays. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []); // which is no concern of ours: whoever writes there says so
  for (const name of names) {
    const [, host, pid] = NAME.exec(name) ?? [];
    if (host !== HOST || isAlive(Number(pid))) continue;
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"; // EPERM: another user's
  }
}

/** Runs `work` in a new temporary folder in `parent`, which is gone afterwards. Throws InputError where there cannot be one, or it cannot be filled. */
export async function inTemporaryFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(parent, temporaryName());
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftovers(parent);
    return await work(folder);
  } catch (error) {
    const isOfFiles = typeof (error as NodeJS.ErrnoException).errno === "number";
    throw isOfFiles ? asInputError(error, `${parent}: cannot be written`) : error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
