import { Cursor } from "../../base/cursor.ts";
import { CheckpointError } from "../../base/errors.ts";

/**
 * Headers, messages, nodes of trees and entries of groups that are read of one file, some hundred bytes each here: about half a second. A network of a
 * thousand layers has some fifty thousand. Cycles end here.
 */
const MAX_STRUCTURES = 1 << 17;

/** Bytes of texts of one file, each as often as it is read: the description of a network of a thousand layers takes a million. */
const MAX_TEXT_BYTES = 1 << 24;

/** The address of what is not there. */
const NOWHERE = 2n ** 64n - 1n;

/** The bytes of a file, and what its parts may cost together. */
export class Source {
  readonly bytes: Uint8Array;
  #structures = 0;
  #textBytes = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  fail(offset: number, message: string): CheckpointError {
    return new CheckpointError(`HDF5, byte ${offset}: ${message}`);
  }

  /** A cursor at a byte. */
  at(offset: number): Cursor {
    const cursor = new Cursor(this.bytes, this.fail);
    cursor.seek(offset);
    return cursor;
  }

  /** A cursor behind the four letters that a structure begins with. */
  open(offset: number, signature: string, what: string): Cursor {
    this.count(offset);
    const cursor = this.at(offset);
    if (textOf(cursor.bytes(4)) !== signature) throw this.fail(offset, `no ${what}, expected one`);
    return cursor;
  }

  /** Counts a structure that is about to be read. */
  count(offset: number): void {
    if (++this.#structures <= MAX_STRUCTURES) return;
    throw this.fail(offset, `more than ${MAX_STRUCTURES} parts up to here, expected at most so many in a file`);
  }

  /** Counts the bytes of a text that is about to be read. */
  countText(offset: number, bytes: number): void {
    this.#textBytes += bytes;
    if (this.#textBytes <= MAX_TEXT_BYTES) return;
    throw this.fail(offset, `texts of more than ${MAX_TEXT_BYTES} bytes, expected at most so many in a file`);
  }

  /** A length or a size of 8 bytes. */
  size(cursor: Cursor): number {
    const offset = cursor.offset;
    const size = Number(cursor.u64());
    if (Number.isSafeInteger(size)) return size;
    throw this.fail(offset, `a size of ${size}, expected one below 2^53`);
  }

  /** An address of 8 bytes; undefined for that of nothing. */
  address(cursor: Cursor): number | undefined {
    const offset = cursor.offset;
    const address = cursor.u64();
    if (address === NOWHERE) return undefined;
    if (address <= this.bytes.length) return Number(address);
    throw this.fail(offset, `points to byte ${address}, but there are ${this.bytes.length} bytes`);
  }

  /** An address of something that has to be there. */
  place(cursor: Cursor, what: string): number {
    const offset = cursor.offset;
    const address = this.address(cursor);
    if (address === undefined) throw this.fail(offset, `no address, expected that of ${what}`);
    return address;
  }
}

/** A text that may end before its bytes do, at a 0. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
