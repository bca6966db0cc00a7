import { Inflate } from "fflate";
import { crc32 } from "../base/crc32.ts";
import { Cursor } from "../base/cursor.ts";
import { CheckpointError } from "../base/errors.ts";
import { chunksOf, inflate } from "../base/inflate.ts";
import { MAX_WEIGHTS } from "../base/limits.ts";
import { shown } from "../base/printable.ts";
import type { ArchiveFile } from "./archive_file.ts";

// Zip archives as NumPy and PyTorch write them: stored or deflated, on one disk, below 4 GB. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LOCAL_BYTES = 30;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;

const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;

/** What inflates into memory: the largest tensor in float64, and a header. */
const MAX_INFLATED_BYTES = 8 * MAX_WEIGHTS + 2 ** 16;

/** Files of an archive by name, in the order of its directory. No two have a name or bytes in common. Throws CheckpointError. */
export function openZip(bytes: Uint8Array): Map<string, ArchiveFile> {
  const fail = (offset: number, message: string) => new CheckpointError(`zip, byte ${offset}: ${message}`);
  const file = new Cursor(bytes, fail);
  const end = endOf(bytes);
  if (end === undefined) throw fail(bytes.length, "no directory, expected one at the end: the archive is cut, or none");
  file.seek(end + 8);
  const [onDisk, count, directoryBytes, directory] = [file.u16(), file.u16(), file.u32(), file.u32()];
  if (onDisk !== count) throw fail(end, `${onDisk} of ${count} files on this disk, expected all`);
  if (directory + directoryBytes > end)
    throw fail(end, `a directory of ${directoryBytes} bytes at ${directory}, expected it before its end`);
  const entries = new Map<string, ArchiveFile>();
  const taken: { name: string; from: number; to: number }[] = [];
  let at = directory;
  for (let i = 0; i < count; i++) {
    file.seek(at);
    const { name, offset, entryBytes, ...about } = readCentral(file, fail);
    at += entryBytes;
    if (entries.has(name)) throw fail(offset, `two files named "${shown(name)}"`);
    const start = dataOf(file, offset, name, fail);
    if (start + about.packedBytes > directory)
      throw fail(offset, `"${shown(name)}" ends behind the directory's beginning`);
    taken.push({ name, from: offset, to: start + about.packedBytes });
    entries.set(name, entryOf(name, bytes.subarray(start, start + about.packedBytes), about));
  }
  taken.sort((a, b) => a.from - b.from);
  const shared = taken.find(({ from }, i) => i > 0 && from < taken[i - 1]!.to);
  if (shared) throw fail(shared.from, `"${shown(shared.name)}" shares bytes with another file`);
  return entries;
}

/** Where the record is that ends an archive. A comment may stand behind it. */
function endOf(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = Math.max(0, bytes.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = bytes.length - END_BYTES; at >= first; at--) {
    if (view.getUint32(at, true) === END && at + END_BYTES + view.getUint16(at + 20, true) === bytes.length) return at;
  }
  return undefined;
}

interface About {
  method: number;
  crc: number;
  packedBytes: number;
  bytes: number;
}

type Fail = (offset: number, message: string) => Error;

/** A record of the directory. */
function readCentral(file: Cursor, fail: Fail): About & { name: string; offset: number; entryBytes: number } {
  const at = file.offset;
  if (file.u32() !== CENTRAL) throw fail(at, "no record of the directory, expected one");
  file.skip(4); // versions
  const [flags, method] = [file.u16(), file.u16()];
  file.skip(4); // time
  const [crc, packedBytes, bytes] = [file.u32(), file.u32(), file.u32()];
  const [nameBytes, extraBytes, commentBytes] = [file.u16(), file.u16(), file.u16()];
  file.skip(8); // disk, attributes
  const offset = file.u32();
  const name = textOf(file.bytes(nameBytes));
  file.skip(extraBytes + commentBytes);
  const what = `"${shown(name)}"`;
  if (flags & ENCRYPTED) throw fail(at, `${what} is encrypted`);
  if ([packedBytes, bytes, offset].includes(0xffffffff))
    throw fail(at, `${what} is of a zip64 archive, expected one below 4 GB`);
  if (method !== STORED && method !== DEFLATED)
    throw fail(at, `${what} is packed by method ${method}, expected 0 or 8`);
  if (method === STORED && packedBytes !== bytes)
    throw fail(at, `${what} is stored, but has ${packedBytes} and ${bytes} bytes`);
  return { name, method, crc, packedBytes, bytes, offset, entryBytes: file.offset - at };
}

/** Where the data of a file begin, behind its own record, which has the same name. */
function dataOf(file: Cursor, offset: number, name: string, fail: Fail): number {
  file.seek(offset);
  if (file.u32() !== LOCAL) throw fail(offset, `no file, expected "${shown(name)}"`);
  file.skip(22);
  const [nameBytes, extraBytes] = [file.u16(), file.u16()];
  const own = textOf(file.bytes(nameBytes));
  if (own !== name) throw fail(offset, `a file named "${shown(own)}", but "${shown(name)}" in the directory`);
  return offset + LOCAL_BYTES + nameBytes + extraBytes;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function entryOf(name: string, packed: Uint8Array, { method, crc, bytes }: About): ArchiveFile {
  const fail = (message: string) => new CheckpointError(`zip, "${shown(name)}": ${message}`);
  const unpacked = (most: number): Uint8Array => {
    if (method === STORED) return packed.subarray(0, most);
    if (most > MAX_INFLATED_BYTES) throw fail(`inflates to ${most} bytes, expected at most ${MAX_INFLATED_BYTES}`);
    const all = new Uint8Array(most);
    let end = 0;
    for (const part of inflate(Inflate, chunksOf(packed), fail)) {
      if (end + part.length > bytes) throw fail(`inflates to more than the ${bytes} bytes that the directory tells`);
      all.set(part.subarray(0, most - end), end);
      end += part.length;
      if (end >= most && most < bytes) return all; // the rest is not asked for
    }
    if (end < most) throw fail(`inflates to ${end} bytes, expected ${bytes}`);
    return all;
  };
  return {
    bytes,
    start: (count) => unpacked(Math.min(count, bytes)),
    read() {
      const all = unpacked(bytes);
      if (crc32(all) !== crc) throw fail("has another CRC than the directory tells: the archive is damaged");
      return all;
    },
  };
}
