import { read } from "./descriptors";
import { Failure, fail, lengthOf } from "./failure";
import { take } from "./region";
import { fd_filestat_get, fd_prestat_dir_name, fd_prestat_get, path_open } from "./wasi_snapshot_preview1";

const FIRST_FOLDER = 3;
const FOLLOW_LINKS: u32 = 1;
const FD_READ: u64 = 1 << 1;
const FD_FILESTAT_GET: u64 = 1 << 21;
const EISDIR = 31;
const ENOENT = 44;

const REGULAR_FILE = 4;
enum Filestat {
  type = 16,
  size = 32,
}
const FILESTAT_BYTES = 64;
const PRESTAT_NAME_BYTES = 4;

const OUT = memory.data(FILESTAT_BYTES, 8);

const SLASH = 0x2f;
const DOT = 0x2e;

/** Bytes of the file that was read. */
export let fileBytes: u32 = 0;

/** Reads the file at a path (which ends with a zero byte) into memory of its own. Ends the command where it cannot. */
export function readFile(path: usize): usize {
  const fd = openFile(path);
  const error = fd_filestat_get(fd, OUT);
  if (error) refuse(error);
  if (load<u8>(OUT, Filestat.type) != REGULAR_FILE) refuse(EISDIR);
  const file = take(load<u64>(OUT, Filestat.size));
  fileBytes = load<u32>(OUT, Filestat.size);
  for (let done: u32 = 0; done < fileBytes; ) {
    const bytes = read(fd, file + done, min<u32>(fileBytes - done, 1 << 30));
    if (bytes < 0) refuse(-bytes);
    if (!bytes) fileBytes = done; // it was cut meanwhile
    done += bytes;
  }
  return file;
}

/** Opens a file in the first folder of the runtime's that has it. */
function openFile(path: usize): i32 {
  let error = ENOENT;
  for (let folder = FIRST_FOLDER; !fd_prestat_get(folder, OUT); folder++) {
    const nameBytes = load<u32>(OUT, PRESTAT_NAME_BYTES);
    const name = take(<u64>nameBytes + 1);
    fd_prestat_dir_name(folder, name, nameBytes);
    const rest = below(name, path);
    if (!rest) continue;
    error = path_open(folder, FOLLOW_LINKS, rest, lengthOf(rest), 0, FD_READ | FD_FILESTAT_GET, 0, 0, OUT);
    if (!error) return load<i32>(OUT);
  }
  refuse(error);
  return -1;
}

/** What is left of a path below a folder, or 0 where it is not below it. A "/" or "./" in front means nothing, as in other programs for WASI. */
function below(folder: usize, path: usize): usize {
  folder = stripped(folder);
  path = stripped(path);
  if (!load<u8>(folder)) return path;
  for (; load<u8>(folder); folder++, path++) {
    if (load<u8>(folder) != load<u8>(path)) return 0;
  }
  return load<u8>(path) == SLASH || load<u8>(path - 1) == SLASH ? stripped(path) : 0;
}

/** A path behind every "/" and "./" in front, and behind a "." that is all of it. */
function stripped(path: usize): usize {
  while (load<u8>(path) == SLASH || (load<u8>(path) == DOT && (load<u8>(path, 1) == SLASH || !load<u8>(path, 1))))
    path++;
  return path;
}

function refuse(error: i32): void {
  fail(error == ENOENT ? Failure.NoFile : Failure.Unreadable, error);
}
