import { flash_program, flash_read } from "./board";
import { erasedByte, unitBytes } from "./layout";
import { CELL, MESSAGE, MESSAGE_BYTES } from "./memory";

/**
 * Words in flash, each in a cell of its own, one behind the other. A record is a word and its complement: half of its 64 bits are programmed, whatever
 * the word. A program or an erase that was cut leaves fewer of them, so that what it leaves is never a record, neither this one nor another.
 */

/** As large as the largest unit, so that no two cells share one. */
export const CELL_BYTES: u32 = 32;
const RECORD_BYTES: u32 = 8;

/** Whether a cell holds a record; its word is the first of CELL then. */
export function holdsRecord(cell: u32): bool {
  return !flash_read(CELL, cell, RECORD_BYTES) && load<u32>(CELL) == ~load<u32>(CELL, 4);
}

/**
 * Writes a record behind all others from `begin` to `end`. Returns whether a cell took it: one that does not, since a program was cut there before or
 * since its bits are stuck, is passed over.
 */
export function append(begin: u32, end: u32, word: u32): bool {
  let cell = end;
  while (cell > begin && isBlank(cell - CELL_BYTES)) cell -= CELL_BYTES;
  for (; cell < end; cell += CELL_BYTES) {
    blank(CELL);
    store<u32>(CELL, word);
    store<u32>(CELL, ~word, 4);
    if (write(cell, CELL, max(RECORD_BYTES, unitBytes()))) return true;
  }
  return false;
}

/** Whether a cell reads as erased. One whose program was cut early may, too. */
export function isBlank(cell: u32): bool {
  if (flash_read(CELL, cell, CELL_BYTES)) return false;
  for (let at: u32 = 0; at < CELL_BYTES; at++) if (load<u8>(CELL + at) != erasedByte()) return false;
  return true;
}

/** Fills a cell in memory with what erased flash reads as. */
export function blank(to: usize): void {
  for (let at: u32 = 0; at < CELL_BYTES; at++) store<u8>(to + at, erasedByte());
}

/** Programs whole units, and reads back what they hold. Returns whether that is what was to be written. */
export function write(address: u32, from: usize, bytes: u32): bool {
  if (flash_program(address, from, bytes)) return false;
  while (bytes) {
    const piece = min(bytes, MESSAGE_BYTES);
    if (flash_read(MESSAGE, address, piece)) return false;
    for (let at: u32 = 0; at < piece; at++) if (load<u8>(MESSAGE + at) != load<u8>(from + at)) return false;
    address += piece;
    from += piece;
    bytes -= piece;
  }
  return true;
}
