import { crc32 } from "node:zlib";
import { Unzlib } from "fflate";
import { InputError } from "../../host/base/errors.ts";
import { gunzip as inflated } from "../../host/base/gunzip.ts";
import { inflate } from "../../host/base/inflate.ts";
import { concat } from "./concat.ts";

export const GZIP_MAGIC = [0x1f, 0x8b];

/** Content of a gzip file with one member, in chunks. Behind the last one it is checked against its length and CRC. */
export function gunzip(chunks: Iterable<Uint8Array>, name: string): Generator<Uint8Array> {
  return inflated(chunks, name, (message) => new InputError(message), crc32);
}

/** Content of a zlib stream: exactly `contentBytes` bytes. Its checksum is left unread. */
export function unzlib(chunks: Iterable<Uint8Array>, contentBytes: number, name: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const part of inflate(Unzlib, chunks, failing(name))) {
    total += part.length;
    if (total > contentBytes) throw new InputError(`${name}: inflates to more than ${contentBytes} bytes`);
    parts.push(part);
  }
  if (total === contentBytes) return concat(parts);
  throw new InputError(`${name}: inflates to ${total} bytes, expected ${contentBytes}`);
}

function failing(name: string): (message: string) => Error {
  return (message) => new InputError(`${name}: ${message}`);
}
