import { crc32 } from "../../base/crc32.ts";
import { statusText as moduleStatusText } from "../../base/status.ts";
import { readSlotHeader, type SlotHeader } from "../slots/header.ts";
import { isSector, isUnit } from "../slots/layout.ts";
import { updateStatusText } from "../slots/status.ts";

/** Frames between a host and a device, as PROTOCOL.md says; device/frame.c and device/device.c are the other side. */
export interface Frame {
  type: number;
  status: number;
  sequence: number;
  payload: Uint8Array;
}

export const PROTOCOL_VERSION = 1;
const MAGIC = [0xd7, 0x54] as const;
const HEADER_BYTES = 8;
const CRC_BYTES = 4;
export const MAX_PAYLOAD = 256;
/** Bytes of a model that a block has at most. */
export const MAX_BLOCK = MAX_PAYLOAD - 4;
export const MAX_FRAME = HEADER_BYTES + MAX_PAYLOAD + CRC_BYTES;
/** Set in the type of a reply. */
export const REPLY = 0x80;

export const COMMAND = {
  info: 1,
  open: 2,
  write: 3,
  invoke: 4,
  read: 5,
  selfTest: 6,
  slots: 16,
  begin: 17,
  block: 18,
  checksum: 19,
  finish: 20,
  try: 21,
  confirm: 22,
  revert: 23,
  dump: 24,
  break: 112,
} as const;
export type Command = keyof typeof COMMAND;

/** Status codes beside those of the module (host/base/status.ts). */
export const DEVICE_STATUS = {
  noBlob: 32,
  badBlob: 33,
  outOfMemory: 34,
  badTensor: 35,
  trap: 48,
  badFrame: 64,
  badRequest: 65,
  fault: 66,
} as const;

/** Traps by their number: status 48 and on (runtimes/runtime.h). */
const TRAPS = ["", "out of bounds", "unreachable", "stack overflow", "the module was refused", "another reason"];

/** A status in words. */
export function statusText(status: number): string {
  const own: Record<number, string> = {
    [DEVICE_STATUS.noBlob]: "no blob in flash",
    [DEVICE_STATUS.badBlob]: "the blob in flash is damaged or half-written",
    [DEVICE_STATUS.outOfMemory]: "out of memory",
    [DEVICE_STATUS.badTensor]: "no such tensor",
    [DEVICE_STATUS.badFrame]: "bad frame",
    [DEVICE_STATUS.badRequest]: "bad request",
    [DEVICE_STATUS.fault]: "fault",
  };
  const trap = TRAPS[status - DEVICE_STATUS.trap];
  return moduleStatusText(status) ?? updateStatusText(status) ?? own[status] ?? (trap ? `trap: ${trap}` : "unknown");
}

export function encodeFrame({ type, status, sequence, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([...MAGIC, type, status]);
  view.setUint16(4, sequence, true);
  view.setUint16(6, payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  const end = HEADER_BYTES + payload.length;
  view.setUint32(end, crc32(bytes.subarray(0, end)), true);
  return bytes;
}

/** Finds frames in a stream of bytes, whatever else is in it. */
export class FrameReader {
  #bytes = new Uint8Array(0);
  /** Told of what began like a frame and was none. */
  readonly #onBad: (sequence: number) => void;

  constructor(onBad: (sequence: number) => void = () => {}) {
    this.#onBad = onBad;
  }

  /** Takes up more of the stream, and gives the frames that are whole now. */
  add(more: Uint8Array): Frame[] {
    const all = new Uint8Array(this.#bytes.length + more.length);
    all.set(this.#bytes);
    all.set(more, this.#bytes.length);
    const view = new DataView(all.buffer);
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      while (at < all.length && !(all[at] === MAGIC[0] && (at + 1 === all.length || all[at + 1] === MAGIC[1]))) at++;
      if (all.length - at < HEADER_BYTES) break;
      const [sequence, length] = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
      const end = at + HEADER_BYTES + length;
      if (length <= MAX_PAYLOAD && all.length < end + CRC_BYTES) break;
      if (length <= MAX_PAYLOAD && crc32(all.subarray(at, end)) === view.getUint32(end, true)) {
        frames.push({
          type: all[at + 2]!,
          status: all[at + 3]!,
          sequence,
          payload: all.slice(at + HEADER_BYTES, end),
        });
        at = end + CRC_BYTES;
      } else {
        this.#onBad(sequence);
        at++;
      }
    }
    this.#bytes = all.slice(at);
    return frames;
  }
}

/** What a device says of itself. */
export interface DeviceInfo {
  protocol: number;
  maxPayload: number;
  /** tern.wasm that the firmware was made from. */
  module: { bytes: number; crc: number };
  /** RAM that a model may take. */
  memoryBytes: number;
  stackBytes: number;
  /** Most of the stack that was in use since power-up. */
  stackUsed: number;
  /** Room for a blob in flash, and what lies there. */
  blobRoom: number;
  blob: { status: number; bytes: number; crc: number };
  board: string;
  runtime: string;
}

/** Bytes of the payload of an info reply. */
const INFO_BYTES = 11 * 4 + 2 * 16;

/** The payload of an info reply; undefined where it is none. */
export function decodeInfo(payload: Uint8Array): DeviceInfo | undefined {
  if (payload.length < INFO_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset);
  const word = (index: number) => view.getUint32(4 * index, true);
  const text = (at: number) => {
    const bytes = payload.subarray(at, at + 16);
    return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0) >>> 0));
  };
  return {
    protocol: word(0),
    maxPayload: word(1),
    module: { bytes: word(2), crc: word(3) },
    memoryBytes: word(4),
    stackBytes: word(5),
    stackUsed: word(6),
    blobRoom: word(7),
    blob: { status: word(8), bytes: word(9), crc: word(10) },
    board: text(44),
    runtime: text(60),
  };
}

/** States of a slot, by number: assembly/update/README.md. */
export const SLOT_STATES = ["empty", "receiving", "stored", "trying", "confirmed", "retired"] as const;
export type SlotState = (typeof SLOT_STATES)[number];

/** What a device says of a slot. */
export interface SlotInfo {
  state: SlotState;
  sectorBytes: number;
  /** Room for a model and its trailer. */
  bodyBytes: number;
  /** Absent where the slot is empty. */
  header?: SlotHeader;
}

/** What a device with slots says of them, and of the module that runs their models. */
export interface SlotsInfo {
  /** The slot whose model runs. */
  active: number | undefined;
  counter: number;
  /** Bytes that its flash programs at once. */
  unitBytes: number;
  abiVersion: number;
  /** Words of its header that a blob may have: host/blob/FORMAT.md, "Features". */
  features: { ops: number; packings: number; posts: number; dtypes: number };
  slots: SlotInfo[];
}

const NONE = 2 ** 32 - 1;
const SLOTS_BYTES = 36;
const SLOT_BYTES = 12 + 64;

/** The payload of a reply to `slots`; undefined where it is none, or says of flash what no flash is. */
export function decodeSlots(payload: Uint8Array): SlotsInfo | undefined {
  if (payload.length < SLOTS_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset);
  const word = (at: number) => view.getUint32(at, true);
  const count = word(0);
  if (!(count === 1 || count === 2) || payload.length < SLOTS_BYTES + count * SLOT_BYTES) return undefined;
  const slots = Array.from({ length: count }, (_, i): SlotInfo | undefined => {
    const at = SLOTS_BYTES + i * SLOT_BYTES;
    const state = SLOT_STATES[word(at)];
    const [sectorBytes, bodyBytes] = [word(at + 4), word(at + 8)];
    if (!isSector(sectorBytes) || bodyBytes === 0 || bodyBytes % sectorBytes !== 0) return undefined;
    const header = readSlotHeader(payload.subarray(at + 12, at + SLOT_BYTES));
    return state && { state, sectorBytes, bodyBytes, ...(state !== "empty" && { header }) };
  });
  const active = decodeActive(word(4));
  if (slots.includes(undefined) || !isUnit(word(12))) return undefined;
  if (active !== undefined && slots[active]?.header === undefined) return undefined; // a model that runs has one
  return {
    active,
    counter: word(8),
    unitBytes: word(12),
    abiVersion: word(16),
    features: { ops: word(20), packings: word(24), posts: word(28), dtypes: word(32) },
    slots: slots as SlotInfo[],
  };
}

/** The slot that a word of a reply names; undefined: none. */
export function decodeActive(word: number): number | undefined {
  return word === NONE ? undefined : word;
}

/** The payload of a request: numbers, then bytes. */
export function payloadOf(numbers: readonly number[], bytes: Uint8Array = new Uint8Array(0)): Uint8Array {
  const payload = new Uint8Array(4 * numbers.length + bytes.length);
  const view = new DataView(payload.buffer);
  for (const [i, number] of numbers.entries()) view.setUint32(4 * i, number, true);
  payload.set(bytes, 4 * numbers.length);
  return payload;
}
