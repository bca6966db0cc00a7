import { CRC_START, crc32 } from "../crc32";
import { flash_erase, flash_read } from "./board";
import { journaled, journalSector, raiseTo, readJournal } from "./counter";
import { body, bodyBytes, log, logBytes, sectorBytes, slotCount, takeLayout, unitBytes } from "./layout";
import { CELL, copy, DIGEST, HEADER, isEqual, MESSAGE, MESSAGE_BYTES } from "./memory";
import { append, blank, CELL_BYTES, holdsRecord, isBlank, write } from "./records";
import { computeConstants, hashFlash } from "./sha256";
import { Status } from "./status";

/** "SLOT" */
const MAGIC: u32 = 0x544f4c53;
const FORMAT_VERSION: u32 = 1;

/** Offsets of FORMAT.md, in its order. What begins at `counter` and ends before `crc` is the statement that `begin` is given. */
enum Header {
  magic = 0,
  formatVersion = 4,
  sequence = 8,
  counter = 12,
  bytes = 16,
  trailerBytes = 20,
  sha256 = 24,
  crc = 56,
}
const HEADER_BYTES: u32 = 64;
const STATEMENT_BYTES: u32 = Header.crc - Header.counter;

/** What a slot is, by the greatest mark behind its header. */
enum State {
  Empty = 0,
  Receiving = 1,
  Stored = 2,
  Trying = 3,
  Confirmed = 4,
  Retired = 5,
}

/** How much greater a model's counter may be than the device's: 4 million updates reach the end of u32, and no flash lives as long. */
const COUNTER_STEP: u32 = 1024;

/** No offset in a model, and no number of its bytes. */
const NOWHERE: u32 = ~0;

/** The slot whose model runs, and the one that receives; −1: none. */
let running: i32 = -1;
let receiving: i32 = -1;

/** Where a block may go on without an erase, and where the sector ends that was erased for it. */
let next: u32 = 0;
let erasedEnd: u32 = 0;

/** The device's counter, once it has one. */
let least: u32 = 0;
let hasCounter: bool = false;

/** To be called after every reset and nowhere else but to try a stored model: a model that was tried and not confirmed by now never runs again. */
export function start(layout: usize): i32 {
  running = receiving = -1;
  if (!takeLayout(layout)) return Status.BadLayout;
  computeConstants();
  chooseModel();
  journalConfirmed(); // where a cut came between a confirmation and its journal
  return Status.Ok;
}

/** The slot whose model runs, −1: none. */
export function active(): i32 {
  return running;
}

/** Takes the newest model that may run; one that was stored is marked first, so that it has this one start. */
function chooseModel(): void {
  running = -1;
  const newest = newestSlot();
  for (let i: u32 = 0; i < 2 && running < 0; i++) {
    const slot = newest ^ i;
    if (!mayRun(slot)) continue;
    if (stateOf(slot) == State.Stored && !mark(slot, State.Trying)) continue;
    running = slot;
  }
}

/** Whether a slot holds all of a model that was confirmed, or never tried, and whose counter the device admits. */
function mayRun(slot: u32): bool {
  readCounter();
  const state = stateOf(slot);
  if (state != State.Stored && state != State.Confirmed) return false;
  return !admits(load<u32>(HEADER, Header.counter)) && !check(slot);
}

/** The slot with the greater sequence number. They wrap: of two, the greater is less than half a turn ahead. */
function newestSlot(): u32 {
  if (!stateOf(1)) return 0;
  const second = load<u32>(HEADER, Header.sequence);
  return stateOf(0) && isNewer(load<u32>(HEADER, Header.sequence), second) ? 0 : 1;
}

function isNewer(sequence: u32, than: u32): bool {
  return <i32>(sequence - than) > 0;
}

/** Whether a slot's model is whole: Ok, BadSlot where there is none, Unreadable or BadHash. */
export function check(slot: u32): i32 {
  if (!stateOf(slot)) return Status.BadSlot;
  if (!hashFlash(body(slot), load<u32>(HEADER, Header.bytes))) return Status.Unreadable;
  return isEqual(DIGEST, HEADER + Header.sha256, 32) ? Status.Ok : Status.BadHash;
}

/** What a slot is; its header, unless it is empty, is in HEADER then. */
function stateOf(slot: u32): State {
  if (slot >= slotCount || flash_read(HEADER, log(slot), HEADER_BYTES) || !isHeader(slot)) return State.Empty;
  let state = State.Receiving;
  for (let cell = firstCell(slot); cell < endCell(slot); cell += CELL_BYTES) {
    if (!holdsRecord(cell)) continue;
    const marked: i32 = load<u32>(CELL) ^ load<u32>(HEADER, Header.crc);
    if (marked > state && marked <= State.Retired) state = marked;
  }
  return state;
}

function isHeader(slot: u32): bool {
  if (load<u32>(HEADER) != MAGIC || load<u32>(HEADER, Header.formatVersion) != FORMAT_VERSION) return false;
  return load<u32>(HEADER, Header.crc) == headerCrc() && fits(slot, HEADER + Header.counter);
}

function headerCrc(): u32 {
  return ~crc32(CRC_START, HEADER, Header.crc);
}

/** Whether a slot has room for the model of a statement. */
function fits(slot: u32, statement: usize): bool {
  const bytes = load<u32>(statement, Header.bytes - Header.counter);
  if (!bytes || bytes > bodyBytes(slot)) return false;
  return load<u32>(statement, Header.trailerBytes - Header.counter) <= bodyBytes(slot) - bytes;
}

/** Marks are bound to the header that HEADER holds: those of another mean nothing, should an erase have left any. */
function mark(slot: u32, state: State): bool {
  return append(firstCell(slot), endCell(slot), state ^ load<u32>(HEADER, Header.crc));
}

function firstCell(slot: u32): u32 {
  return log(slot) + HEADER_BYTES;
}

function endCell(slot: u32): u32 {
  return log(slot) + logBytes();
}

/** Reads the device's counter: the greatest that was journaled or confirmed. */
function readCounter(): void {
  readJournal();
  least = journaled;
  hasCounter = journalSector >= 0;
  for (let slot: u32 = 0; slot < 2; slot++) {
    if (stateOf(slot) != State.Confirmed) continue;
    least = max(least, load<u32>(HEADER, Header.counter));
    hasCounter = true;
  }
}

/** Ok, or why the device takes no model of this counter. A device that has none yet takes any. */
function admits(counter: u32): Status {
  if (counter < least) return Status.Downgrade;
  return hasCounter && counter - least > COUNTER_STEP ? Status.FastForward : Status.Ok;
}

/** Journals the counters that were confirmed, so that slots that hold them may be erased. */
function journalConfirmed(): bool {
  readCounter();
  return !hasCounter || raiseTo(least);
}

/** Prepares a slot for the model of a statement: one begun before goes on, if it was this one. */
export function begin(slot: u32, statement: usize): i32 {
  receiving = -1;
  if (slot >= slotCount || (slot == running && slotCount > 1)) return Status.BadSlot;
  if (running >= 0 && stateOf(running) == State.Trying) return Status.OnTrial;
  if (!fits(slot, statement)) return Status.TooLarge;
  readCounter();
  const refused = admits(load<u32>(statement));
  if (refused) return refused;
  if (!journalConfirmed()) return Status.WriteFailed;
  next = erasedEnd = NOWHERE;
  if (!goesOn(slot, statement)) {
    const sequence = nextSequence();
    if (running == slot) running = -1;
    // The model first: should the erase of its log be cut, and marks be lost that say that it may not run, it is none any more.
    if (flash_erase(body(slot)) || flash_erase(log(slot))) return Status.WriteFailed;
    writeHeader(sequence, statement);
    if (!write(log(slot), HEADER, HEADER_BYTES)) return Status.WriteFailed;
    next = 0;
    erasedEnd = sectorBytes(slot);
  }
  receiving = slot;
  return Status.Ok;
}

/** Whether a slot was receiving this very model when power went, is still the newest, and has cells for three marks. */
function goesOn(slot: u32, statement: usize): bool {
  if (newestSlot() != slot || stateOf(slot) != State.Receiving) return false;
  return isEqual(HEADER + Header.counter, statement, STATEMENT_BYTES) && isBlank(endCell(slot) - 3 * CELL_BYTES);
}

function nextSequence(): u32 {
  return stateOf(newestSlot()) ? load<u32>(HEADER, Header.sequence) + 1 : 1;
}

function writeHeader(sequence: u32, statement: usize): void {
  store<u32>(HEADER, MAGIC);
  store<u32>(HEADER, FORMAT_VERSION, Header.formatVersion);
  store<u32>(HEADER, sequence, Header.sequence);
  copy(HEADER + Header.counter, statement, STATEMENT_BYTES);
  store<u32>(HEADER, headerCrc(), Header.crc);
  store<u32>(HEADER, 0, Header.crc + 4);
}

/**
 * Stores bytes of the model, or of its trailer, from `offset` on. They go on where the block before ended, or begin with a sector, which is erased then; any
 * sector, in any order, again too. Only at the end is a unit begun that they do not fill.
 */
export function block(offset: u32, from: usize, bytes: u32): i32 {
  if (receiving < 0) return Status.NotReceiving;
  const slot: u32 = receiving;
  const behind = bytesBehind(offset, bytes);
  if (behind == NOWHERE || (behind && bytes & (unitBytes() - 1))) return Status.BadRange;
  if (offset != next && offset & (sectorBytes(slot) - 1)) return Status.BadRange;
  while (bytes) {
    if (offset != next || offset == erasedEnd) {
      next = NOWHERE;
      if (flash_erase(body(slot) + offset)) return Status.WriteFailed;
      erasedEnd = offset + sectorBytes(slot);
    }
    const piece = min(bytes, erasedEnd - offset);
    next = NOWHERE; // what fails has to begin with its sector again
    if (!writeUnits(body(slot) + offset, from, piece)) return Status.WriteFailed;
    next = offset += piece;
    from += piece;
    bytes -= piece;
  }
  return Status.Ok;
}

/** How many bytes of the slot that receives are to be stored behind some of them; NOWHERE where those are none of its. */
function bytesBehind(offset: u32, bytes: u32): u32 {
  if (!stateOf(receiving)) return NOWHERE;
  const end = load<u32>(HEADER, Header.bytes) + load<u32>(HEADER, Header.trailerBytes);
  return bytes > end || offset > end - bytes ? NOWHERE : end - bytes - offset;
}

/** Programs bytes, of which the last unit may not be full: what is behind them stays erased. */
function writeUnits(address: u32, from: usize, bytes: u32): bool {
  const rest = bytes & (unitBytes() - 1);
  const whole = bytes - rest;
  if (whole && !write(address, from, whole)) return false;
  if (!rest) return true;
  blank(CELL);
  for (let at: u32 = 0; at < rest; at++) store<u8>(CELL + at, load<u8>(from + whole + at));
  return write(address + whole, CELL, unitBytes());
}

/** CRC-32 of bytes of the receiving slot, at `to`: which of a model's bytes are stored already, and which came out wrong. */
export function checksum(offset: u32, bytes: u32, to: usize): i32 {
  if (receiving < 0) return Status.NotReceiving;
  if (bytesBehind(offset, bytes) == NOWHERE) return Status.BadRange;
  let crc = CRC_START;
  for (let address = body(receiving) + offset; bytes; ) {
    const piece = min(bytes, MESSAGE_BYTES);
    if (flash_read(MESSAGE, address, piece)) return Status.Unreadable;
    crc = crc32(crc, MESSAGE, piece);
    address += piece;
    bytes -= piece;
  }
  store<u32>(to, ~crc);
  return Status.Ok;
}

/** Ends a transfer: hashes what is in flash, and marks it as stored if it is the model of the statement. If not, blocks may repair it. */
export function finish(): i32 {
  if (receiving < 0) return Status.NotReceiving;
  const wrong = check(receiving);
  if (wrong) return wrong;
  if (!mark(receiving, State.Stored)) return Status.WriteFailed;
  receiving = -1;
  return Status.Ok;
}

/** Keeps the model that runs, and raises the device's counter to its. Again, it changes nothing. */
export function confirm(): i32 {
  if (running < 0) return Status.NoModel;
  const state = stateOf(running);
  if (state < State.Trying) return Status.Unreadable; // its log was damaged since it was chosen
  if (state == State.Trying && !mark(running, State.Confirmed)) return Status.WriteFailed;
  return journalConfirmed() ? Status.Ok : Status.WriteFailed;
}

/** Gives up the model that runs for the one before: one on trial always, a confirmed one only for another that may run. */
export function revert(): i32 {
  if (running < 0) return Status.NoModel;
  if (stateOf(running) == State.Confirmed) {
    const other: u32 = running ^ 1;
    if (!mayRun(other) || stateOf(other) != State.Confirmed) return Status.NoFallback;
    if (!journalConfirmed()) return Status.WriteFailed;
  }
  stateOf(running);
  if (!mark(running, State.Retired)) return Status.WriteFailed;
  chooseModel();
  return Status.Ok;
}

/** The state of a slot by its number; its header is copied to `to`, 64 bytes, unless it is empty. */
export function slot(number: u32, to: usize): i32 {
  const state = stateOf(number);
  if (state) copy(to, HEADER, HEADER_BYTES);
  return state;
}

/** The device's counter. */
export function counter(): u32 {
  readCounter();
  return least;
}
