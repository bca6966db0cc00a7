import { Gunzip, Unzlib } from "fflate";
import { crc32 } from "../../host/crc32.ts";
import { Cursor } from "../../host/cursor.ts";
import { InputError } from "../../host/errors.ts";

export const GZIP_MAGIC = [0x1f, 0x8b];

/** Largest content of a gzip file. The pictures of EMNIST, the largest usual idx file, take 547 MB. */
const MAX_GZIP_CONTENT_BYTES = 2 ** 30;

/** Bytes inflated at once: at most 64 MiB come out (deflate's ratio is below 1032) before the limit is checked. */
const SLICE_BYTES = 2 ** 16;

/** Content of a gzip file with one member, checked against its length and CRC. */
export function gunzip(bytes: Uint8Array, name: string, maxBytes = MAX_GZIP_CONTENT_BYTES): Uint8Array {
  const content = inflate(Gunzip, bytes, maxBytes, name);
  const trailer = new Cursor(bytes, (offset, message) => new InputError(`${name}, byte ${offset}: ${message}`));
  trailer.seek(bytes.length - 8);
  const crc = trailer.u32();
  const contentBytes = trailer.u32();
  if (content.length !== contentBytes || crc32(content) !== crc) {
    const found = `${content.length} bytes with CRC ${hex(crc32(content))}`;
    throw new InputError(`${name}: gzip content has ${found}, expected ${contentBytes} bytes with CRC ${hex(crc)}`);
  }
  return content;
}

/** Content of a zlib stream: exactly `contentBytes` bytes. Its checksum is left unread. */
export function unzlib(bytes: Uint8Array, contentBytes: number, name: string): Uint8Array {
  const content = inflate(Unzlib, bytes, contentBytes, name);
  if (content.length === contentBytes) return content;
  throw new InputError(`${name}: inflates to ${content.length} bytes, expected ${contentBytes}`);
}

/** Inflates and stops when more than `maxBytes` come out. */
function inflate(Format: typeof Gunzip | typeof Unzlib, bytes: Uint8Array, maxBytes: number, name: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  const stream = new Format((part) => {
    total += part.length;
    if (total > maxBytes) throw new InputError(`${name}: inflates to more than ${maxBytes} bytes`);
    parts.push(part);
  });
  try {
    for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
      stream.push(bytes.subarray(start, start + SLICE_BYTES), start + SLICE_BYTES >= bytes.length);
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${name}: cannot be inflated (${(error as Error).message})`);
  }
  return concat(parts);
}

/** All parts in one array. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, "0")}`;
}
