import { shown } from "../../base/printable.ts";
import { countOf } from "../elements.ts";
import type { Message } from "./header.ts";
import { type Source, textOf } from "./source.ts";
import { type Datatype, readDataspace, readDatatype } from "./types.ts";

/** A named value of an object. */
export interface Attribute {
  name: string;
  dims: number[];
  datatype: Datatype;
  /** Where its elements begin. */
  at: number;
  /** Bytes from there to the message's end. */
  bytes: number;
}

/** Bytes to which the first version fills up the parts of an attribute. */
const FILLED = 8;

export function readAttribute(source: Source, message: Message): Attribute {
  const { at, bytes } = message;
  const cursor = source.at(at);
  const version = cursor.u8();
  if (version < 1 || version > 3) throw source.fail(at, `an attribute of version ${version}, expected 1 to 3`);
  const flags = cursor.u8();
  const [nameBytes, typeBytes, spaceBytes] = [cursor.u16(), cursor.u16(), cursor.u16()];
  if (version === 3) cursor.skip(1); // encoding of the name
  const filled = (count: number) => (version === 1 ? Math.ceil(count / FILLED) * FILLED : count);
  const nameAt = cursor.offset;
  source.countText(nameAt, nameBytes);
  const name = textOf(cursor.bytes(nameBytes));
  const typeAt = nameAt + filled(nameBytes);
  const spaceAt = typeAt + filled(typeBytes);
  const dataAt = spaceAt + filled(spaceBytes);
  if (dataAt > at + bytes) throw source.fail(at, `attribute "${shown(name)}" ends behind its message`);
  const isShared = version > 1 && (flags & 3) !== 0;
  const datatype: Datatype = isShared
    ? { kind: "other", bytes: 0, what: "kept elsewhere" }
    : readDatatype(source.at(typeAt));
  const dims = isShared ? [0] : readDataspace(source, source.at(spaceAt));
  return { name, dims, datatype, at: dataAt, bytes: at + bytes - dataAt };
}

/** Reads the texts of an attribute, one for a single element. Those of variable length are in heaps, which are kept. */
export class Texts {
  readonly #source: Source;
  readonly #heaps = new Map<number, Map<number, { at: number; bytes: number }>>();

  constructor(source: Source) {
    this.#source = source;
  }

  of({ name, dims, datatype, at, bytes }: Attribute): string[] {
    const source = this.#source;
    const what = `attribute "${shown(name)}"`;
    const count = countOf(dims, what);
    if (count === 0) return []; // of whatever type: an empty list has none of its own
    if (datatype.kind !== "text" && datatype.kind !== "reference") {
      const found = datatype.kind === "number" ? `numbers, ${datatype.element}` : datatype.what;
      throw source.fail(at, `${what} is ${found}, expected text`);
    }
    if (count * datatype.bytes > bytes) {
      throw source.fail(at, `${what}: ${count} texts of ${datatype.bytes} bytes, but ${bytes} bytes are left`);
    }
    return Array.from({ length: count }, (_, i) => {
      const place = at + i * datatype.bytes;
      source.count(place);
      if (datatype.kind === "reference") return this.#variable(place);
      source.countText(place, datatype.bytes);
      return textOf(source.bytes.subarray(place, place + datatype.bytes));
    });
  }

  /** A text of a heap: its length, the heap, and which of it. */
  #variable(at: number): string {
    const source = this.#source;
    const cursor = source.at(at);
    const length = cursor.u32();
    const heap = source.address(cursor);
    const index = cursor.u32();
    if (length === 0 || !heap) return "";
    const found = this.#heap(heap).get(index);
    if (!found || length > found.bytes) {
      throw source.fail(
        at,
        `a text of ${length} bytes, number ${index} of the heap at ${heap}, which has ${found ? `${found.bytes} bytes of it` : "none such"}`,
      );
    }
    source.countText(at, length);
    return textOf(source.bytes.subarray(found.at, found.at + length));
  }

  /** Where the texts of a heap are, by their numbers. */
  #heap(at: number): ReadonlyMap<number, { at: number; bytes: number }> {
    const known = this.#heaps.get(at);
    if (known) return known;
    const source = this.#source;
    const texts = new Map<number, { at: number; bytes: number }>();
    const cursor = source.open(at, "GCOL", "heap of texts");
    cursor.skip(4); // version
    const end = at + source.size(cursor);
    if (end > source.bytes.length) throw source.fail(at, `a heap up to byte ${end}, behind the end of the file`);
    while (cursor.offset + OBJECT_BYTES <= end) {
      source.count(cursor.offset);
      const index = cursor.u16();
      cursor.skip(6); // references
      const bytes = source.size(cursor);
      if (index === FREE) break;
      const from = cursor.offset;
      cursor.skip(Math.ceil(bytes / FILLED) * FILLED);
      if (cursor.offset > end) throw source.fail(from, `${bytes} bytes, which end behind the heap at ${at}`);
      texts.set(index, { at: from, bytes });
    }
    this.#heaps.set(at, texts);
    return texts;
  }
}

/** What stands before an object of a heap, and the number of what is free. */
const OBJECT_BYTES = 16;
const FREE = 0;
