import { Cursor } from "../base/cursor.ts";
import { FlashError } from "../base/errors.ts";
import { hex } from "../base/printable.ts";
import type { Chunk } from "../firmware/hex.ts";

// UF2, the format of boards that are drives: https://github.com/microsoft/uf2. Blocks of 512 bytes, each complete in itself, since an
// operating system writes a file in any order, and parts of it twice.

const BLOCK_BYTES = 512;
const BLOCK = {
  magic: 0,
  magic2: 4,
  flags: 8,
  address: 12,
  payloadBytes: 16,
  number: 20,
  count: 24,
  family: 28,
  payload: 32,
  magicEnd: 508,
} as const;
const [MAGIC, MAGIC2, MAGIC_END] = [0x0a324655, 0x9e5d5157, 0x0ab16f30];
const FLAG = { notFlash: 0x0001, fileContainer: 0x1000, family: 0x2000 } as const;

/** "Always correct", and what all boot loaders take. */
const PAYLOAD_BYTES = 256;
const MAX_PAYLOAD_BYTES = BLOCK.magicEnd - BLOCK.payload;

/** What a boot loader takes blocks for. */
export interface Uf2Family {
  about: string;
  id: number;
  /** Addresses that its blocks may have: those of the largest chip. */
  flash: { address: number; bytes: number };
  /** Bytes that it erases at once. */
  eraseBytes: number;
}

const MIB = 1024 * 1024;

/** Ids as https://github.com/microsoft/uf2/blob/master/utils/uf2families.json has them, and RP2350's from its boot ROM. */
export const UF2_FAMILIES = {
  rp2040: {
    about: "Raspberry Pi RP2040",
    id: 0xe48bff56,
    flash: { address: 0x1000_0000, bytes: 16 * MIB },
    eraseBytes: 4096,
  },
  "rp2350-data": {
    about: "Raspberry Pi RP2350, data beside its program",
    id: 0xe48bff58,
    flash: { address: 0x1000_0000, bytes: 32 * MIB },
    eraseBytes: 4096,
  },
  nrf52840: { about: "Nordic nRF52840", id: 0xada52840, flash: { address: 0, bytes: MIB }, eraseBytes: 4096 },
  samd21: { about: "Microchip SAMD21", id: 0x68ed2b88, flash: { address: 0, bytes: MIB / 4 }, eraseBytes: 256 },
  samd51: { about: "Microchip SAMD51", id: 0x55114460, flash: { address: 0, bytes: MIB }, eraseBytes: 8192 },
  // TinyUF2 writes within the application's partition, and counts addresses from its start.
  "esp32-s2": {
    about: "ESP32-S2, from ota_0 on",
    id: 0xbfdd4eee,
    flash: { address: 0, bytes: 16 * MIB },
    eraseBytes: 4096,
  },
  "esp32-s3": {
    about: "ESP32-S3, from ota_0 on",
    id: 0xc47e5767,
    flash: { address: 0, bytes: 16 * MIB },
    eraseBytes: 4096,
  },
} as const satisfies Record<string, Uf2Family>;

export type Uf2FamilyName = keyof typeof UF2_FAMILIES;

/**
 * Throws FlashError where a part of flash is no whole erase units of a family, of which a boot loader would erase more than it is given, or
 * lies outside its flash.
 */
export function checkUf2Region(address: number, bytes: number, { about, flash, eraseBytes }: Uf2Family): void {
  for (const [what, value] of [
    ["address", address],
    ["size", bytes],
  ] as const) {
    if (value % eraseBytes !== 0) {
      const expected = `expected a multiple of ${eraseBytes}, the erase unit of ${about}`;
      throw new FlashError(`uf2, ${what}`, `${hex(value)}, ${expected}`);
    }
  }
  const [end, flashEnd] = [address + bytes, flash.address + flash.bytes];
  if (address < flash.address || end > flashEnd || bytes === 0) {
    const expected = `expected a part of ${hex(flash.address)} … ${hex(flashEnd)}, the flash of ${about}`;
    throw new FlashError("uf2, address", `${hex(address)} … ${hex(end)}, ${expected}`);
  }
}

/** A run of bytes as UF2: blocks of 256 bytes of it, in order. Throws FlashError, as `checkUf2Region`. */
export function writeUf2({ address, bytes }: Chunk, family: Uf2Family): Uint8Array {
  checkUf2Region(address, bytes.length, family);
  const count = bytes.length / PAYLOAD_BYTES;
  const file = new Uint8Array(count * BLOCK_BYTES);
  const view = new DataView(file.buffer);
  for (let number = 0; number < count; number++) {
    const at = number * BLOCK_BYTES;
    const put = (offset: number, word: number) => view.setUint32(at + offset, word, true);
    put(BLOCK.magic, MAGIC);
    put(BLOCK.magic2, MAGIC2);
    put(BLOCK.flags, FLAG.family);
    put(BLOCK.address, address + number * PAYLOAD_BYTES);
    put(BLOCK.payloadBytes, PAYLOAD_BYTES);
    put(BLOCK.number, number);
    put(BLOCK.count, count);
    put(BLOCK.family, family.id);
    file.set(bytes.subarray(number * PAYLOAD_BYTES, (number + 1) * PAYLOAD_BYTES), at + BLOCK.payload);
    put(BLOCK.magicEnd, MAGIC_END);
  }
  return file;
}

/** A block for flash. */
interface Block extends Chunk {
  number: number;
  count: number;
}

/**
 * What a boot loader of a family writes of a UF2 file: runs of bytes by address, whatever the order of the blocks and however often each
 * is there. Blocks of other families, and those that are not for flash, are passed over; so are checksums and tags behind a payload.
 * Throws FlashError, with the byte, for an untrusted file in which a block is damaged or missing, or two blocks disagree.
 */
export function readUf2(file: Uint8Array, { id, about }: Uf2Family): Chunk[] {
  const cursor = new Cursor(file, (offset, message) => new FlashError(`uf2, byte ${offset}`, message));
  const blocks = new Map<number, Block>();
  while (cursor.remaining > 0) {
    const at = cursor.offset;
    const block = readBlock(cursor, id);
    if (!block) continue;
    const [first = block] = blocks.values();
    if (block.count !== first.count) {
      throw new FlashError(
        `uf2, byte ${at + BLOCK.count}`,
        `one of ${block.count} blocks, expected ${first.count} as before`,
      );
    }
    const same = blocks.get(block.number);
    if (same && !(same.address === block.address && isEqual(same.bytes, block.bytes))) {
      throw new FlashError(`uf2, byte ${at}`, `block ${block.number} again, with another address or other bytes`);
    }
    blocks.set(block.number, block);
  }
  const [first] = blocks.values();
  if (!first) throw new FlashError("uf2", `no block for the flash of ${about} (family ${hex(id)})`);
  if (blocks.size !== first.count) {
    const missing = Array.from({ length: blocks.size + 1 }, (_, number) => number).find(
      (number) => !blocks.has(number),
    );
    throw new FlashError("uf2", `${blocks.size} of ${first.count} blocks, block ${missing} is missing`);
  }
  return joined([...blocks.values()]);
}

/** The next block; undefined where it is not for this family's flash. */
function readBlock(cursor: Cursor, id: number): Block | undefined {
  const at = cursor.offset;
  const fail = (field: keyof typeof BLOCK, message: string) => {
    throw new FlashError(`uf2, byte ${at + BLOCK[field]}`, message);
  };
  if (cursor.remaining < BLOCK_BYTES) fail("magic", `${cursor.remaining} bytes, expected blocks of ${BLOCK_BYTES}`);
  const magic = (field: "magic" | "magic2" | "magicEnd", expected: number) => {
    const found = cursor.u32();
    if (found !== expected) fail(field, `magic ${hex(found)}, expected ${hex(expected)}`);
  };
  magic("magic", MAGIC);
  magic("magic2", MAGIC2);
  const [flags, address, payloadBytes] = [cursor.u32(), cursor.u32(), cursor.u32()];
  const [number, count, family] = [cursor.u32(), cursor.u32(), cursor.u32()];
  const payload = cursor.bytes(MAX_PAYLOAD_BYTES);
  magic("magicEnd", MAGIC_END);
  const isOther = (flags & FLAG.family) !== 0 && family !== id;
  if (isOther || flags & (FLAG.notFlash | FLAG.fileContainer)) return undefined;
  if (payloadBytes === 0 || payloadBytes > MAX_PAYLOAD_BYTES || payloadBytes % 4) {
    fail("payloadBytes", `a payload of ${payloadBytes} bytes, expected a multiple of 4 up to ${MAX_PAYLOAD_BYTES}`);
  }
  if (address % 4 || address + payloadBytes > 2 ** 32) {
    fail("address", `address ${hex(address)}, expected a multiple of 4, and an end within 32 bits`);
  }
  if (number >= count) fail("number", `block ${number} of ${count}, expected less`);
  return { address, bytes: payload.subarray(0, payloadBytes), number, count };
}

/** Blocks as runs of bytes. */
function joined(blocks: Block[]): Chunk[] {
  const runs: Block[][] = [];
  let end = -1;
  for (const block of blocks.sort((a, b) => a.address - b.address)) {
    if (block.address < end) {
      throw new FlashError("uf2", `block ${block.number} begins at ${hex(block.address)}, within the one before it`);
    }
    if (block.address === end) runs.at(-1)!.push(block);
    else runs.push([block]);
    end = block.address + block.bytes.length;
  }
  return runs.map((run) => {
    const { address } = run[0]!;
    const bytes = new Uint8Array(run.reduce((sum, block) => sum + block.bytes.length, 0));
    for (const block of run) bytes.set(block.bytes, block.address - address);
    return { address, bytes };
  });
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
