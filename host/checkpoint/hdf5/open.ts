import type { Cursor } from "../../base/cursor.ts";
import { shown } from "../../base/printable.ts";
import type { StoredTensor } from "../weights_file.ts";
import { type Attribute, readAttribute, Texts } from "./attribute.ts";
import { readDataset } from "./dataset.ts";
import { readLinks } from "./group.ts";
import { MESSAGE, type Message, readMessages } from "./header.ts";
import { Source } from "./source.ts";

// HDF5 as h5py writes it for Keras: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html. What Keras never writes is refused.

const SIGNATURE_BYTES = 8;

/** Bytes of addresses and of lengths. */
const WORD = 8;

/** The group that holds all others. Throws CheckpointError. */
export function openHdf5(bytes: Uint8Array): Hdf5Object {
  const source = new Source(bytes);
  const cursor = source.at(Math.min(SIGNATURE_BYTES, bytes.length));
  const version = cursor.u8();
  const root = version <= 1 ? readFirst(source, cursor, version) : readSecond(source, cursor, version);
  return new Hdf5Object(source, new Texts(source), root, "the root");
}

function readFirst(source: Source, cursor: Cursor, version: number): number {
  cursor.skip(4); // versions of parts
  checkWords(source, cursor);
  cursor.skip(version === 0 ? 9 : 13); // sizes of nodes, flags
  checkEnds(source, cursor);
  cursor.skip(16); // the driver, and the root's name
  return source.place(cursor, "the root");
}

function readSecond(source: Source, cursor: Cursor, version: number): number {
  if (version > 3) throw source.fail(SIGNATURE_BYTES, `version ${version}, expected 0 to 3`);
  checkWords(source, cursor);
  cursor.skip(1); // flags
  checkEnds(source, cursor);
  return source.place(cursor, "the root");
}

function checkWords(source: Source, cursor: Cursor): void {
  const at = cursor.offset;
  const [offsets, lengths] = [cursor.u8(), cursor.u8()];
  if (offsets === WORD && lengths === WORD) return;
  throw source.fail(at, `addresses of ${offsets} and lengths of ${lengths} bytes, expected ${WORD}`);
}

/** Where the file begins and ends by its own words. */
function checkEnds(source: Source, cursor: Cursor): void {
  const at = cursor.offset;
  const base = source.size(cursor);
  cursor.skip(WORD); // free space, or an extension
  const end = source.size(cursor);
  if (base !== 0) throw source.fail(at, `it begins at byte ${base}, expected 0`);
  if (end > source.bytes.length)
    throw source.fail(at, `${end} bytes, but there are ${source.bytes.length}: the file is cut`);
}

/** A group or a dataset. What is in it is read when it is asked for. */
export class Hdf5Object {
  readonly #source: Source;
  readonly #texts: Texts;
  readonly #path: string;
  readonly #messages: readonly Message[];
  #links: ReadonlyMap<string, number> | undefined;
  #attributes: ReadonlyMap<string, Attribute> | undefined;

  constructor(source: Source, texts: Texts, at: number, path: string) {
    this.#source = source;
    this.#texts = texts;
    this.#path = path;
    this.#messages = readMessages(source, at);
  }

  get isDataset(): boolean {
    return this.#messages.some(({ type }) => type === MESSAGE.layout);
  }

  /** Names of a group's objects, as its tree has them: in the order of their letters. */
  get names(): string[] {
    return [...this.#addresses().keys()];
  }

  /** An object of a group, by its name or, with a / between names, by those on the way to it. */
  child(path: string): Hdf5Object | undefined {
    let object: Hdf5Object | undefined = this;
    for (const name of path.split("/")) {
      if (name !== "" && object) object = object.#own(name);
    }
    return object;
  }

  #own(name: string): Hdf5Object | undefined {
    const address = this.#addresses().get(name);
    if (address === undefined) return undefined;
    return new Hdf5Object(
      this.#source,
      this.#texts,
      address,
      this.#path === "the root" ? name : `${this.#path}/${name}`,
    );
  }

  #addresses(): ReadonlyMap<string, number> {
    this.#links ??= readLinks(this.#source, this.#messages);
    return this.#links;
  }

  /** The texts of an attribute; undefined if there is none of that name. */
  texts(name: string): string[] | undefined {
    this.#attributes ??= this.#readAttributes();
    const attribute = this.#attributes.get(name);
    return attribute && this.#texts.of(attribute);
  }

  #readAttributes(): Map<string, Attribute> {
    const source = this.#source;
    const attributes = new Map<string, Attribute>();
    for (const message of this.#messages) {
      if (message.type === MESSAGE.attributeInfo) this.#refuseDense(message);
      if (message.type !== MESSAGE.attribute || message.isShared) continue;
      const attribute = readAttribute(source, message);
      const { name, at } = attribute;
      if (attributes.has(name)) throw source.fail(at, `two attributes named "${shown(name)}" of ${shown(this.#path)}`);
      attributes.set(name, attribute);
    }
    return attributes;
  }

  /** Many attributes of newer files are kept in another heap. */
  #refuseDense({ at }: Message): void {
    const source = this.#source;
    const cursor = source.at(at);
    cursor.skip(1); // version
    if (cursor.u8() & 1) cursor.skip(2); // the order of creation is tracked
    if (source.address(cursor) === undefined) return;
    throw source.fail(at, "attributes in a fractal heap, expected messages: write the file with h5py's default libver");
  }

  /** A dataset, by what it holds. */
  tensor(): StoredTensor {
    return readDataset(this.#source, this.#messages, `"${shown(this.#path)}"`);
  }
}
