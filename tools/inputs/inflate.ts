import { crc32 } from "node:zlib";
import { Gunzip, Unzlib } from "fflate";
import { Cursor } from "../../host/base/cursor.ts";
import { InputError } from "../../host/base/errors.ts";
import { inflate } from "../../host/base/inflate.ts";
import { hex } from "../../host/base/printable.ts";
import { concat } from "./concat.ts";

export const GZIP_MAGIC = [0x1f, 0x8b];

/** Length and CRC of the content, at the end of a gzip file. */
const TRAILER_BYTES = 8;

/** Content of a gzip file with one member, in chunks. Behind the last one it is checked against its length and CRC. */
export function* gunzip(chunks: Iterable<Uint8Array>, name: string): Generator<Uint8Array> {
  let tail: Uint8Array = new Uint8Array(0);
  let fileBytes = 0;
  const watched = function* () {
    for (const chunk of chunks) {
      tail = concat([tail, chunk.subarray(-TRAILER_BYTES)]).slice(-TRAILER_BYTES);
      fileBytes += chunk.length;
      yield chunk;
    }
  };
  let [bytes, crc] = [0, 0];
  for (const part of inflate(Gunzip, watched(), failing(name))) {
    bytes += part.length;
    crc = crc32(part, crc);
    yield part;
  }
  const tailAt = fileBytes - tail.length;
  const trailer = new Cursor(tail, (offset, why) => new InputError(`${name}, byte ${tailAt + offset}: ${why}`));
  const expectedCrc = trailer.u32();
  const expectedBytes = trailer.u32(); // modulo 2^32
  if (bytes % 2 ** 32 !== expectedBytes || crc !== expectedCrc) {
    const found = `${bytes} bytes with CRC ${hex(crc)}`;
    throw new InputError(
      `${name}: gzip content has ${found}, expected ${expectedBytes} bytes with CRC ${hex(expectedCrc)}`,
    );
  }
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
