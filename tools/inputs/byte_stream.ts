import { concat } from "./concat.ts";

/** Bytes of a file, in order, out of chunks of any size that are asked for one by one. */
export class ByteStream {
  readonly #chunks: Iterator<Uint8Array>;
  /** What has been read and not yet taken. */
  #ahead: Uint8Array = new Uint8Array(0);
  #offset = 0;

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Byte that comes next. */
  get offset(): number {
    return this.#offset;
  }

  /** The next `count` bytes, or all that are left where those are fewer. They come again. A view, not a copy. */
  peek(count: number): Uint8Array {
    const parts = [this.#ahead];
    for (let found = this.#ahead.length; found < count; ) {
      const { done, value } = this.#chunks.next();
      if (done) break;
      parts.push(value);
      found += value.length;
    }
    if (parts.length > 1) this.#ahead = concat(parts);
    return this.#ahead.subarray(0, count);
  }

  /** The same, and they do not come again. */
  take(count: number): Uint8Array {
    const bytes = this.peek(count);
    this.#ahead = this.#ahead.subarray(bytes.length);
    this.#offset += bytes.length;
    return bytes;
  }

  /** Ends the reading: a file behind it is closed. */
  close(): void {
    this.#chunks.return?.();
  }
}

/** All bytes, in chunks of a size that keeps what they inflate to small. */
export function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) yield bytes.subarray(start, start + CHUNK_BYTES);
}

/** Bytes read at a time. At most 64 MiB inflate from them: deflate's ratio is below 1032. */
export const CHUNK_BYTES = 2 ** 16;
