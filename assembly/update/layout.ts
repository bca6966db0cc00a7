import { copy, LAYOUT, OWN_BYTES } from "./memory";

/** Offsets of FORMAT.md, in its order. */
export enum Layout {
  unitBytes = 0,
  erased = 4,
  logBytes = 8,
  counterA = 12,
  counterB = 16,
  slots = 20,
}

export enum Slot {
  log = 0,
  body = 4,
  sectorBytes = 8,
  bodyBytes = 12,
}

const SLOT_BYTES: u32 = 16;
const LAYOUT_BYTES: u32 = Layout.slots + 2 * SLOT_BYTES;

const MAX_UNIT: u32 = 32;
const MIN_SECTOR: u32 = 256;
const MAX_SECTOR: u32 = 256 * 1024;
/** A sector of records is searched from end to end; 1,024 bytes hold thirty records, and more than four are only needed after cuts. */
const MAX_LOG: u32 = 1024;

/** How many slots there are: 1 or 2; 0 before a layout was taken. */
export let slotCount: u32 = 0;

/** Copies a layout to the module's own bytes. Returns whether it is one; the module does not look whether its regions overlap. */
export function takeLayout(layout: usize): bool {
  slotCount = 0;
  if (layout < OWN_BYTES) return false;
  copy(LAYOUT, layout, LAYOUT_BYTES);
  const unit = unitBytes();
  if (!isPower(unit) || unit > MAX_UNIT || (erasedByte() != 0 && erasedByte() != 0xff)) return false;
  if (logBytes() < MIN_SECTOR || logBytes() > MAX_LOG || logBytes() % MAX_UNIT) return false;
  const count: u32 = bodyBytes(1) ? 2 : 1;
  for (let slot: u32 = 0; slot < count; slot++) {
    const sector = sectorBytes(slot);
    if (!isPower(sector) || sector < MIN_SECTOR || sector > MAX_SECTOR) return false;
    if (!bodyBytes(slot) || (bodyBytes(slot) | body(slot)) & (sector - 1)) return false;
  }
  slotCount = count;
  return true;
}

function isPower(x: u32): bool {
  return x != 0 && (x & (x - 1)) == 0;
}

/** Bytes that are programmed at once. */
export function unitBytes(): u32 {
  return load<u32>(LAYOUT, Layout.unitBytes);
}

/** What an erased byte reads as. */
export function erasedByte(): u32 {
  return load<u32>(LAYOUT, Layout.erased);
}

/** Bytes that a log, or a sector of the counter, has for records. */
export function logBytes(): u32 {
  return load<u32>(LAYOUT, Layout.logBytes);
}

/** Address of a sector of the counter, 0 or 1. */
export function counterSector(sector: u32): u32 {
  return load<u32>(LAYOUT + (sector << 2), Layout.counterA);
}

/** Address of the sector that holds header and marks of a slot. */
export function log(slot: u32): u32 {
  return load<u32>(slotAt(slot), Slot.log);
}

/** Address of a slot's model. */
export function body(slot: u32): u32 {
  return load<u32>(slotAt(slot), Slot.body);
}

export function sectorBytes(slot: u32): u32 {
  return load<u32>(slotAt(slot), Slot.sectorBytes);
}

export function bodyBytes(slot: u32): u32 {
  return load<u32>(slotAt(slot), Slot.bodyBytes);
}

function slotAt(slot: u32): usize {
  return LAYOUT + Layout.slots + slot * SLOT_BYTES;
}
