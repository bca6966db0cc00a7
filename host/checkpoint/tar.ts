import { Cursor } from "../base/cursor.ts";
import { CheckpointError } from "../base/errors.ts";
import { shown } from "../base/printable.ts";
import type { ArchiveFile } from "./archive_file.ts";

// Tar archives of POSIX (pax, "ustar interchange format") and GNU: a header of 512 bytes before each file, which is filled up to as many; two blocks of zeros at the end.

const BLOCK = 512;

/** Files of an archive. A folder of parameters has some hundred. */
const MAX_TAR_FILES = 1 << 14;

/** Bytes of a header that its fields take, in their order. */
const FIELDS = {
  name: 100,
  modes: 24,
  size: 12,
  time: 12,
  sum: 8,
  type: 1,
  link: 100,
  magic: 8,
  owner: 80,
  prefix: 155,
};

/** Kinds of entries: files, folders, and remarks that stand before either. */
const FILES = ["0", "\0"];
const FOLDER = "5";
const REMARKS = ["x", "g"];

/** Files of an archive by name, in its order. No two have a name in common. Throws CheckpointError. */
export function openTar(bytes: Uint8Array): Map<string, ArchiveFile> {
  const fail = (offset: number, message: string) => new CheckpointError(`tar, byte ${offset}: ${message}`);
  const file = new Cursor(bytes, fail);
  const entries = new Map<string, ArchiveFile>();
  for (;;) {
    const at = file.offset;
    const header = file.bytes(BLOCK);
    if (isZero(header)) {
      if (isZero(file.bytes(BLOCK))) return entries;
      throw fail(at, "one block of zeros, expected two at the end");
    }
    const { name, size, type } = readHeader(header, (message) => fail(at, message));
    const data = file.bytes(size);
    file.skip(-size & (BLOCK - 1));
    if (REMARKS.includes(type)) checkRemark(data, (message) => fail(at, message));
    else if (FILES.includes(type)) {
      if (entries.has(name)) throw fail(at, `two files named "${shown(name)}"`);
      if (entries.size === MAX_TAR_FILES) throw fail(at, `more than ${MAX_TAR_FILES} files, expected at most so many`);
      entries.set(name, { bytes: size, start: (count) => data.subarray(0, count), read: () => data });
    } else if (type !== FOLDER) {
      throw fail(at, `"${shown(name)}" is of type "${shown(type)}", expected a file or a folder`);
    }
  }
}

function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

function readHeader(header: Uint8Array, fail: (message: string) => Error) {
  const fields = new Cursor(header, (_, message) => fail(message));
  const text = (bytes: number) => new TextDecoder().decode(fields.bytes(bytes)).replace(/\0.*$/s, "");
  const octal = (bytes: number, what: string) => {
    const digits = text(bytes).trim();
    if (!/^[0-7]+$/.test(digits)) throw fail(`${what} "${shown(digits)}", expected octal digits`);
    return Number.parseInt(digits, 8);
  };
  const name = text(FIELDS.name);
  fields.skip(FIELDS.modes);
  const size = octal(FIELDS.size, "size");
  fields.skip(FIELDS.time);
  const sumAt = fields.offset;
  const expected = octal(FIELDS.sum, "checksum");
  const type = String.fromCharCode(fields.u8());
  fields.skip(FIELDS.link + FIELDS.magic + FIELDS.owner);
  const prefix = text(FIELDS.prefix);
  // of the header with spaces in place of the sum itself
  const isSum = (i: number) => i >= sumAt && i < sumAt + FIELDS.sum;
  const sum = header.reduce((total, byte, i) => total + (isSum(i) ? 0x20 : byte), 0);
  if (sum !== expected)
    throw fail(`a header with checksum ${expected}, expected ${sum}: the archive is damaged, or none`);
  return { name: prefix ? `${prefix}/${name}` : name, size, type };
}

/** Remarks may say times and owners, which nobody reads here, but no name or size, which would stand in place of the header's. */
function checkRemark(data: Uint8Array, fail: (message: string) => Error): void {
  const found = new TextDecoder().decode(data).match(/ (path|size|linkpath)=/);
  if (found) throw fail(`a pax record with "${found[1]}", expected it in the header: a name of at most 255 characters`);
}

/** An archive of files, the same bytes for the same files: in the order of their names, without times and owners. */
export function writeTar(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const names = [...files.keys()].sort();
  const blocks = (bytes: number) => BLOCK * Math.ceil(bytes / BLOCK);
  const total = names.reduce((sum, name) => sum + BLOCK + blocks(files.get(name)!.length), 2 * BLOCK);
  const tar = new Uint8Array(total);
  let at = 0;
  for (const name of names) {
    const data = files.get(name)!;
    const path = new TextEncoder().encode(name);
    if (path.length > FIELDS.name) {
      throw new CheckpointError(
        `file "${shown(name)}": a name of ${path.length} bytes, expected at most ${FIELDS.name}`,
      );
    }
    const header = tar.subarray(at, at + BLOCK);
    const put = (offset: number, text: string) => header.set(new TextEncoder().encode(text), offset);
    const sizeAt = FIELDS.name + FIELDS.modes;
    const sumAt = sizeAt + FIELDS.size + FIELDS.time;
    header.set(path);
    put(FIELDS.name, "0000644\x000000000\x000000000\x00");
    put(sizeAt, `${data.length.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0${" ".repeat(8)}0`);
    put(sumAt + FIELDS.sum + FIELDS.type + FIELDS.link, "ustar\x0000");
    const sum = header.reduce((all, byte) => all + byte, 0);
    put(sumAt, `${sum.toString(8).padStart(6, "0")}\0 `);
    tar.set(data, at + BLOCK);
    at += BLOCK + blocks(data.length);
  }
  return tar;
}
