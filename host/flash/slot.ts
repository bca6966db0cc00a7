import { crc32 } from "../base/crc32.ts";
import { FlashError } from "../base/errors.ts";
import { hex } from "../base/printable.ts";
import type { Chunk } from "../firmware/hex.ts";
import { CELL_BYTES, FORMAT_VERSION, HEADER, HEADER_BYTES, MAGIC } from "../firmware/slots/header.ts";

// Slots as assembly/update/FORMAT.md defines them, written by a programmer in place of the device.

/** Code of the mark *stored*. */
const STORED = 2;

const ERASE_BYTES = { min: 256, max: 256 * 1024 };

/** The part of flash that a slot has. Its first erase unit is the log, all others are for the model. */
export interface Slot {
  /** Where it begins, as the image's addresses count. A multiple of eraseBytes. */
  address: number;
  /** All of it: whole erase units, two at least. */
  bytes: number;
  /** Bytes that are erased at once: a power of two, 256 to 262,144. */
  eraseBytes: number;
  /** What an erased byte reads as. */
  erased: 0xff | 0x00;
}

/** What the header of a slot says beside the model's size and hash. */
export interface SlotOptions {
  /** The model's counter, a u32: a device refuses one that is below its own. 0 if not said. */
  counter?: number;
  /** A u32, newer than that of the device's other slot. 1 if not said. */
  sequence?: number;
}

/** A slot in state *stored*: at its next start the device hashes the model and tries it. */
export interface SlotImage {
  /** What is programmed after the erase: header and mark; the model in whole erase units. The device's own marks go behind the first. */
  chunks: readonly [log: Chunk, body: Chunk];
  /** The same as one run of bytes: every erase unit that is touched, whole. */
  whole: Chunk;
  counter: number;
  sequence: number;
  sha256: Uint8Array;
}

/** Throws FlashError for what is no slot of FORMAT.md. */
export function checkSlot({ address, bytes, eraseBytes, erased }: Slot): void {
  const { min, max } = ERASE_BYTES;
  if (!(eraseBytes >= min && eraseBytes <= max && Number.isInteger(Math.log2(eraseBytes)))) {
    throw new FlashError("erase unit", `${eraseBytes} bytes, expected a power of two from ${min} to ${max}`);
  }
  if (erased !== 0xff && erased !== 0) throw new FlashError("erased value", `${erased}, expected 0xff or 0x00`);
  if (!isWhole(address, eraseBytes) || address < 0) {
    throw new FlashError("address", `${hex(address)}, expected a multiple of the erase unit, ${eraseBytes} bytes`);
  }
  if (!isWhole(bytes, eraseBytes) || bytes < 2 * eraseBytes) {
    const expected = `expected whole erase units of ${eraseBytes} bytes, at least two: the log and the model`;
    throw new FlashError("slot size", `${bytes} bytes, ${expected}`);
  }
  if (address + bytes > 2 ** 32) {
    throw new FlashError("slot", `ends at ${hex(address + bytes)}, expected an end within 32 bits of address`);
  }
}

/** Bytes of a slot that a model and its trailer may take together. */
export function roomOf({ bytes, eraseBytes }: Slot): number {
  return bytes - eraseBytes;
}

/**
 * The bytes that put a model into a slot, in state *stored* (assembly/update/FORMAT.md, "An image"). `trailer` is stored behind the blob and
 * not hashed. Nothing lies outside the slot. Throws FlashError for what is no slot, and for a blob that the slot has no room for.
 */
export async function slotImage(
  slot: Slot,
  blob: Uint8Array,
  trailer: Uint8Array,
  { counter = 0, sequence = 1 }: SlotOptions = {},
): Promise<SlotImage> {
  checkSlot(slot);
  checkWord("counter", counter);
  checkWord("sequence", sequence);
  const { address, eraseBytes, erased } = slot;
  const modelBytes = blob.length + trailer.length;
  if (blob.length === 0) throw new FlashError("blob", "0 bytes, expected at least 1");
  if (modelBytes > roomOf(slot)) {
    const what = trailer.length > 0 ? `${blob.length} bytes and ${trailer.length} of trailer` : `${blob.length} bytes`;
    const room = `${roomOf(slot)}, the slot's ${slot.bytes} without the erase unit of its log`;
    throw new FlashError("blob", `${what}, expected at most ${room}`);
  }

  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(blob)));
  const whole = new Uint8Array(eraseBytes + Math.ceil(modelBytes / eraseBytes) * eraseBytes).fill(erased);
  const view = new DataView(whole.buffer);
  whole.fill(0, 0, HEADER_BYTES);
  view.setUint32(HEADER.magic, MAGIC, true);
  view.setUint32(HEADER.formatVersion, FORMAT_VERSION, true);
  view.setUint32(HEADER.sequence, sequence, true);
  view.setUint32(HEADER.counter, counter, true);
  view.setUint32(HEADER.bytes, blob.length, true);
  view.setUint32(HEADER.trailerBytes, trailer.length, true);
  whole.set(sha256, HEADER.sha256);
  const crc = crc32(whole.subarray(0, HEADER.crc));
  view.setUint32(HEADER.crc, crc, true);
  view.setUint32(HEADER_BYTES, crc ^ STORED, true);
  view.setUint32(HEADER_BYTES + 4, ~(crc ^ STORED), true);
  whole.set(blob, eraseBytes);
  whole.set(trailer, eraseBytes + blob.length);
  return {
    chunks: [
      { address, bytes: whole.subarray(0, HEADER_BYTES + CELL_BYTES) },
      { address: address + eraseBytes, bytes: whole.subarray(eraseBytes) },
    ],
    whole: { address, bytes: whole },
    counter,
    sequence,
    sha256,
  };
}

function checkWord(name: string, value: number): void {
  if (!isWhole(value, 1) || value < 0 || value >= 2 ** 32) {
    throw new FlashError(name, `${value}, expected a whole number from 0 to ${2 ** 32 - 1}`);
  }
}

function isWhole(value: number, unit: number): boolean {
  return Number.isSafeInteger(value) && value % unit === 0;
}
