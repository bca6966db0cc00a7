import { InputError, TernError } from "./errors.ts";

const REASONS: Record<string, string> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota used up",
  EFBIG: "larger than files may be here",
  EEXIST: "there is something else of that name",
  EIO: "the disk fails",
  EISDIR: "is a directory",
  ELOOP: "links lead in a circle",
  ENAMETOOLONG: "name too long",
  ENOENT: "no such file or folder",
  ENOSPC: "no space left on the disk",
  ENOTDIR: "part of the path is not a folder",
  ENXIO: "no such device",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
};

/** An error of the file system as ours, in plain words. An error of ours stays as it is. */
export function asInputError(error: unknown, what: string): TernError {
  if (error instanceof TernError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new InputError(`${what}: ${REASONS[code] ?? message}`);
}
