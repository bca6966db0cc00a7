import { Gunzip } from "fflate";
import { Cursor } from "./cursor.ts";
import { inflate } from "./inflate.ts";
import { hex } from "./printable.ts";

/** Length and CRC of the content, at the end of a gzip file (RFC 1952). */
const TRAILER_BYTES = 8;

/** CRC-32 of bytes behind others of this CRC. */
type Crc32 = (bytes: Uint8Array, before: number) => number;

/**
 * Content of a gzip file with one member, in parts. Behind the last one it is checked against its length and CRC. `name` begins messages, of which `fail`
 * makes errors.
 */
export function* gunzip(
  chunks: Iterable<Uint8Array>,
  name: string,
  fail: (message: string) => Error,
  crc32: Crc32,
): Generator<Uint8Array> {
  let tail: Uint8Array = new Uint8Array(0);
  let fileBytes = 0;
  const watched = function* () {
    for (const chunk of chunks) {
      const kept = chunk.subarray(-TRAILER_BYTES);
      tail = Uint8Array.from([...tail, ...kept]).slice(-TRAILER_BYTES);
      fileBytes += chunk.length;
      yield chunk;
    }
  };
  let [bytes, crc] = [0, 0];
  for (const part of inflate(Gunzip, watched(), (why) => fail(`${name}: ${why}`))) {
    bytes += part.length;
    crc = crc32(part, crc);
    yield part;
  }
  const tailAt = fileBytes - tail.length;
  const trailer = new Cursor(tail, (offset, why) => fail(`${name}, byte ${tailAt + offset}: ${why}`));
  const expectedCrc = trailer.u32();
  const expectedBytes = trailer.u32(); // modulo 2^32
  if (bytes % 2 ** 32 !== expectedBytes || crc !== expectedCrc) {
    const found = `${bytes} bytes with CRC ${hex(crc)}`;
    throw fail(`${name}: gzip content has ${found}, expected ${expectedBytes} bytes with CRC ${hex(expectedCrc)}`);
  }
}
