import { flash_erase } from "./board";
import { counterSector, logBytes } from "./layout";
import { CELL } from "./memory";
import { append, CELL_BYTES, holdsRecord } from "./records";

/** The journal of the counter: records in two sectors, of which the greatest counts. */

/** The greatest number that was journaled, and its sector: −1 where there is none. */
export let journaled: u32 = 0;
export let journalSector: i32 = -1;

export function readJournal(): void {
  journaled = 0;
  journalSector = -1;
  for (let sector: u32 = 0; sector < 2; sector++) {
    const begin = counterSector(sector);
    for (let cell = begin; cell < begin + logBytes(); cell += CELL_BYTES) {
      if (!holdsRecord(cell) || (journalSector >= 0 && load<u32>(CELL) <= journaled)) continue;
      journaled = load<u32>(CELL);
      journalSector = sector;
    }
  }
}

/** Journals a number, unless one as great was. Returns whether one is. A sector is only erased while the other holds the greatest. */
export function raiseTo(number: u32): bool {
  readJournal();
  if (journalSector >= 0 && number <= journaled) return true;
  const sector: u32 = journalSector < 0 ? 0 : journalSector;
  if (appendTo(sector, number)) return true;
  return !flash_erase(counterSector(sector ^ 1)) && appendTo(sector ^ 1, number);
}

function appendTo(sector: u32, number: u32): bool {
  const begin = counterSector(sector);
  return append(begin, begin + logBytes(), number);
}
