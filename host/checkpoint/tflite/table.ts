import { Cursor } from "../../base/cursor.ts";
import { CheckpointError } from "../../base/errors.ts";
import { MAX_ENTRIES, MAX_MESSAGES } from "../../base/limits.ts";

/** Numbers of a FlatBuffer, by the methods of a cursor, and the bytes of each. */
const BYTES = { u8: 1, i8: 1, u16: 2, u32: 4, i32: 4, f32: 4, i64: 8, u64: 8 } as const;

type NumberType = keyof typeof BYTES;

/**
 * A table of an untrusted FlatBuffer (https://flatbuffers.dev/internals): fields by their number in the schema. Every offset is checked against the file.
 * Tables and vectors may share bytes, so what is read of them counts against the limits of a checkpoint, whatever the size of the file.
 */
export class Table {
  /** Where it stands in the file: "model.subgraphs[0]". */
  readonly path: string;
  readonly #file: FlatFile;
  readonly #at: number;
  readonly #fields: { at: number; bytes: number };

  constructor(file: FlatFile, at: number, path: string) {
    this.path = path;
    this.#file = file;
    this.#at = at;
    file.spendTable(path);
    const cursor = file.cursor(at, path);
    const fields = at - cursor.i32();
    this.#fields = { at: fields, bytes: file.cursor(fields, path).u16() };
  }

  /** A number, or what the schema says for one that is left out. */
  number(field: number, type: Exclude<NumberType, "i64" | "u64">, otherwise = 0): number {
    const at = this.#field(field);
    return at === undefined ? otherwise : this.#file.cursor(at, this.path)[type]();
  }

  /** Whether a field is there at all. */
  has(field: number): boolean {
    return this.#field(field) !== undefined;
  }

  flag(field: number): boolean {
    return this.number(field, "u8") !== 0;
  }

  text(field: number, name: string): string {
    const bytes = this.bytes(field, name);
    this.#file.spendEntries(bytes?.length ?? 0, this.path);
    return new TextDecoder().decode(bytes);
  }

  /** A vector of bytes: a view of the file; undefined where it is left out. */
  bytes(field: number, name: string): Uint8Array | undefined {
    const vector = this.#vector(field, name, 1);
    return vector?.cursor.bytes(vector.count);
  }

  /** A vector of numbers; empty where it is left out. */
  numbers(field: number, name: string, type: NumberType): number[] {
    const vector = this.#vector(field, name, BYTES[type]);
    if (!vector) return [];
    this.#file.spendEntries(vector.count, this.path);
    return Array.from({ length: vector.count }, () => Number(vector.cursor[type]()));
  }

  table(field: number, name: string): Table | undefined {
    const at = this.#field(field);
    return at === undefined ? undefined : this.#file.tableAt(at, `${this.path}.${name}`);
  }

  tables(field: number, name: string): Table[] {
    const vector = this.#vector(field, name, 4);
    if (!vector) return [];
    const first = vector.cursor.offset;
    return Array.from({ length: vector.count }, (_, i) =>
      this.#file.tableAt(first + 4 * i, `${this.path}.${name}[${i}]`),
    );
  }

  /** The byte of a field's own value; undefined where it is left out. */
  #field(field: number): number | undefined {
    const slot = 4 + 2 * field; // behind the bytes of this list and of the table
    if (slot + 2 > this.#fields.bytes) return undefined;
    const offset = this.#file.cursor(this.#fields.at + slot, this.path).u16();
    return offset === 0 ? undefined : this.#at + offset;
  }

  /** A cursor at the first of so many entries. */
  #vector(field: number, name: string, entryBytes: number): { cursor: Cursor; count: number } | undefined {
    const at = this.#field(field);
    if (at === undefined) return undefined;
    const path = `${this.path}.${name}`;
    const cursor = this.#file.cursor(this.#file.target(at, path), path);
    const count = cursor.u32();
    if (count * entryBytes > cursor.remaining) {
      throw new CheckpointError(`${path}: ${count} entries of ${entryBytes} bytes, but ${cursor.remaining} are left`);
    }
    return { cursor, count };
  }
}

/** A file, and what may still be read of it. */
export class FlatFile {
  readonly #cursor: Cursor;
  #path = "";
  #tables = MAX_MESSAGES;
  #entries = MAX_ENTRIES;

  constructor(bytes: Uint8Array) {
    const fail = (offset: number, message: string) => new CheckpointError(`${this.#path}, byte ${offset}: ${message}`);
    this.#cursor = new Cursor(bytes, fail);
  }

  root(path: string): Table {
    return this.tableAt(0, path);
  }

  /** The one cursor of the file, at a byte: what is read next is read before another one is asked for. */
  cursor(at: number, path: string): Cursor {
    this.#path = path;
    this.#cursor.seek(at);
    return this.#cursor;
  }

  /** What the offset at a byte points to: offsets count from where they stand. */
  target(at: number, path: string): number {
    return at + this.cursor(at, path).u32();
  }

  tableAt(at: number, path: string): Table {
    return new Table(this, this.target(at, path), path);
  }

  spendTable(path: string): void {
    if (--this.#tables < 0) throw new CheckpointError(`${path}: the file has more than ${MAX_MESSAGES} tables`);
  }

  spendEntries(count: number, path: string): void {
    this.#entries -= count;
    if (this.#entries < 0) throw new CheckpointError(`${path}: the file has more than ${MAX_ENTRIES} numbers`);
  }
}
