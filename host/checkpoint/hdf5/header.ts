import type { Cursor } from "../../base/cursor.ts";
import type { Source } from "./source.ts";

// Object headers, versions 1 and 2: lists of messages.

/** Kinds of messages. */
export const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
};

/** A message of an object, in place. */
export interface Message {
  type: number;
  /** First byte of what it says, and how many there are. */
  at: number;
  bytes: number;
  /** It is kept elsewhere, and others read it, too. */
  isShared: boolean;
}

const SHARED = 2;

/** Bits of the second version's flags. */
const V2 = { orderTracked: 4, phases: 16, times: 32 };

/** Bytes of a checksum, which ends headers of the second version. */
const CHECKSUM_BYTES = 4;

/** A run of messages. */
interface Block {
  from: number;
  to: number;
}

/** All messages of the object at a byte, in their order. */
export function readMessages(source: Source, at: number): Message[] {
  source.count(at);
  const head = source.at(at);
  if (head.u8() !== 1) return readSecond(source, at);
  head.skip(7); // how many there are, references
  const bytes = head.u32();
  head.skip(4);
  const first = { from: head.offset, to: head.offset + bytes };
  return readBlocks(source, first, {
    headBytes: 8,
    read(cursor) {
      const [type, size, flags] = [cursor.u16(), cursor.u16(), cursor.u8()];
      cursor.skip(3);
      return { type, size, flags };
    },
    continued: (block) => block,
  });
}

function readSecond(source: Source, at: number): Message[] {
  const head = source.open(at, "OHDR", "header of an object");
  const version = head.u8();
  if (version !== 2) throw source.fail(at, `an object of version ${version}, expected 1 or 2`);
  const flags = head.u8();
  if (flags & V2.times) head.skip(16);
  if (flags & V2.phases) head.skip(4);
  const sizeBytes = 2 ** (flags & 3);
  const bytes =
    sizeBytes === 1 ? head.u8() : sizeBytes === 2 ? head.u16() : sizeBytes === 4 ? head.u32() : source.size(head);
  const hasOrder = (flags & V2.orderTracked) !== 0;
  const first = { from: head.offset, to: head.offset + bytes };
  return readBlocks(source, first, {
    headBytes: hasOrder ? 6 : 4,
    read(cursor) {
      const [type, size, own] = [cursor.u8(), cursor.u16(), cursor.u8()];
      if (hasOrder) cursor.skip(2);
      return { type, size, flags: own };
    },
    continued({ from, to }) {
      return { from: source.open(from, "OCHK", "block of messages").offset, to: to - CHECKSUM_BYTES };
    },
  });
}

interface Form {
  /** Bytes before what a message says. */
  headBytes: number;
  read(cursor: Cursor): { type: number; size: number; flags: number };
  /** Where messages stand in a block that continues others. */
  continued(block: Block): Block;
}

function readBlocks(source: Source, first: Block, { headBytes, read, continued }: Form): Message[] {
  const messages: Message[] = [];
  const blocks = [first];
  for (const { from, to } of blocks) {
    if (to > source.bytes.length) throw source.fail(from, `messages up to byte ${to}, behind the end of the file`);
    const cursor = source.at(from);
    while (cursor.offset + headBytes <= to) {
      source.count(cursor.offset);
      const { type, size, flags } = read(cursor);
      const at = cursor.offset;
      if (at + size > to) throw source.fail(at, `a message of ${size} bytes, but ${to - at} are left`);
      if (type === MESSAGE.continuation) {
        const begin = source.place(cursor, "more messages");
        blocks.push(continued({ from: begin, to: begin + source.size(cursor) }));
      } else messages.push({ type, at, bytes: size, isShared: (flags & SHARED) !== 0 });
      cursor.seek(at + size);
    }
  }
  return messages;
}
