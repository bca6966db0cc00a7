import { shown } from "../../base/printable.ts";
import { MESSAGE, type Message } from "./header.ts";
import { type Source, textOf } from "./source.ts";

// Groups: a tree of names with a heap, as is usual; or, of newer files, messages.

/** Kinds of trees. */
const GROUP_TREE = 0;

/** What a symbol stands for, if not for an object itself. */
const SYMBOLIC_LINK = 2;

const HARD_LINK = 0;

/** Addresses of a group's objects by name. Links to other names or files are left out. */
export function readLinks(source: Source, messages: readonly Message[]): Map<string, number> {
  const links = new Map<string, number>();
  const add = (name: string, address: number, at: number): void => {
    if (links.has(name)) throw source.fail(at, `two objects named "${shown(name)}" in a group`);
    links.set(name, address);
  };
  for (const { type, at } of messages) {
    if (type === MESSAGE.symbolTable) readTree(source, at, add);
    else if (type === MESSAGE.link) readLink(source, at, add);
    else if (type === MESSAGE.linkInfo) refuseDense(source, at);
  }
  return links;
}

type Add = (name: string, address: number, at: number) => void;

function readTree(source: Source, at: number, add: Add): void {
  const cursor = source.at(at);
  const [tree, heap] = [source.place(cursor, "a tree of names"), source.place(cursor, "a heap of names")];
  const names = readHeap(source, heap);
  /** Nodes that are still to be read, and their height above the leaves, which are no nodes of the tree. */
  const open: { at: number; level: number | undefined }[] = [{ at: tree, level: undefined }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { level, children } = readNode(source, next.at, GROUP_TREE, 8);
    if (next.level !== undefined && level !== next.level) {
      throw source.fail(next.at, `a node of level ${level}, expected ${next.level}`);
    }
    if (level > 0) for (const { address } of children.toReversed()) open.push({ at: address, level: level - 1 });
    else for (const { address } of children) readSymbols(source, address, names, add);
  }
}

/** A child of a tree's node, and where the key before it is. */
export interface Child {
  key: number;
  address: number;
}

/** A node of a tree, version 1, whose keys have so many bytes. */
export function readNode(
  source: Source,
  at: number,
  kind: number,
  keyBytes: number,
): { level: number; children: Child[] } {
  const cursor = source.open(at, "TREE", "node of a tree");
  const [found, level, count] = [cursor.u8(), cursor.u8(), cursor.u16()];
  if (found !== kind) throw source.fail(at, `a tree of kind ${found}, expected ${kind}`);
  cursor.skip(16); // its neighbours
  const children = Array.from({ length: count }, () => {
    source.count(cursor.offset);
    const key = cursor.offset;
    cursor.skip(keyBytes);
    return { key, address: source.place(cursor, "a child") };
  });
  return { level, children };
}

/** The bytes that names are in. */
function readHeap(source: Source, at: number): Uint8Array {
  const cursor = source.open(at, "HEAP", "heap of names");
  cursor.skip(4); // version
  const bytes = source.size(cursor);
  cursor.skip(8); // free places
  return source.at(source.place(cursor, "names")).bytes(bytes);
}

/** The name at a place of a heap, which ends at a 0. */
function nameAt(source: Source, names: Uint8Array, offset: number, at: number): string {
  const end = offset < names.length ? names.indexOf(0, offset) : -1;
  if (end < 0)
    throw source.fail(at, `a name at byte ${offset} of a heap of ${names.length} bytes, expected one that ends there`);
  source.countText(at, end - offset);
  return textOf(names.subarray(offset, end));
}

function readSymbols(source: Source, at: number, names: Uint8Array, add: Add): void {
  const cursor = source.open(at, "SNOD", "list of names");
  cursor.skip(2); // version
  const count = cursor.u16();
  for (let i = 0; i < count; i++) {
    const place = cursor.offset;
    source.count(place);
    const offset = source.size(cursor);
    const address = source.address(cursor);
    const kind = cursor.u32();
    cursor.skip(20);
    const name = nameAt(source, names, offset, place);
    if (kind !== SYMBOLIC_LINK && address !== undefined) add(name, address, place);
  }
}

/** Bits of a link's flags, beside two for the bytes of its name's length. */
const LINK = { hasOrder: 4, hasKind: 8, hasEncoding: 16 };

function readLink(source: Source, at: number, add: Add): void {
  const cursor = source.at(at);
  const version = cursor.u8();
  if (version !== 1) throw source.fail(at, `a link of version ${version}, expected 1`);
  const flags = cursor.u8();
  const kind = flags & LINK.hasKind ? cursor.u8() : HARD_LINK;
  if (flags & LINK.hasOrder) cursor.skip(8);
  if (flags & LINK.hasEncoding) cursor.skip(1);
  const sizeBytes = 2 ** (flags & 3);
  const bytes =
    sizeBytes === 1
      ? cursor.u8()
      : sizeBytes === 2
        ? cursor.u16()
        : sizeBytes === 4
          ? cursor.u32()
          : source.size(cursor);
  source.countText(at, bytes);
  const name = textOf(cursor.bytes(bytes));
  if (kind === HARD_LINK) add(name, source.place(cursor, "an object"), at);
}

/** Large groups of newer files keep their names in another heap. */
function refuseDense(source: Source, at: number): void {
  const cursor = source.at(at);
  cursor.skip(1); // version
  const flags = cursor.u8();
  if (flags & 1) cursor.skip(8); // the order of creation is tracked
  if (source.address(cursor) === undefined) return;
  throw source.fail(
    at,
    "a group with a fractal heap, expected one with a tree: write the file with h5py's default libver, and without track_order",
  );
}
