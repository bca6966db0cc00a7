/**
 * Reads numbers and byte ranges of an untrusted file, in order, and never outside it. Every reader goes through one.
 * Little-endian, except where a name ends in `be`. `fail` makes the reader's own error out of an offset and a message.
 */
export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fail: (offset: number, message: string) => Error;
  #offset = 0;

  constructor(bytes: Uint8Array, fail: (offset: number, message: string) => Error) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = fail;
  }

  /** Byte that the next read starts at. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes from here to the end. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Goes to a byte; the end is allowed. */
  seek(offset: number): void {
    if (!Number.isInteger(offset) || offset < 0 || offset > this.#bytes.length) {
      throw this.#fail(this.#offset, `points to byte ${offset}, but there are ${this.#bytes.length} bytes`);
    }
    this.#offset = offset;
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** The next `count` bytes: a view, not a copy. */
  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u32be(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** Moves past `count` bytes and returns where they start. */
  #take(count: number): number {
    if (!Number.isInteger(count) || count < 0 || count > this.remaining) {
      throw this.#fail(this.#offset, `needs ${count} bytes, but ${this.remaining} are left`);
    }
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}
