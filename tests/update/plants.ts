/** A bug of the protocol: a text of a source, which stands there once, and what it becomes; and which part of the proof has to find it. */
export interface Plant {
  file: "slots" | "records" | "counter";
  by: "cuts" | "duties";
  from: string;
  to: string;
}

export const PLANTS: Record<string, Plant> = {
  "the header is written as stored, before the model": {
    file: "slots",
    by: "cuts",
    from: "    if (!write(log(slot), HEADER, HEADER_BYTES)) return Status.WriteFailed;",
    to: "    if (!write(log(slot), HEADER, HEADER_BYTES) || !mark(slot, State.Stored)) return Status.WriteFailed;",
  },
  "a transfer ends without a hash": {
    file: "slots",
    by: "duties",
    from: "  const wrong = check(receiving);\n",
    to: "  stateOf(receiving);\n  const wrong = Status.Ok;\n",
  },
  "a start takes a model without a hash": {
    file: "slots",
    by: "cuts",
    from: "!admits(load<u32>(HEADER, Header.counter)) && !check(slot)",
    to: "!admits(load<u32>(HEADER, Header.counter))",
  },
  "a slot's log is erased before its model": {
    file: "slots",
    by: "cuts",
    from: "flash_erase(body(slot)) || flash_erase(log(slot))",
    to: "flash_erase(log(slot)) || flash_erase(body(slot))",
  },
  "a slot is not invalidated": {
    file: "slots",
    by: "cuts",
    from: "flash_erase(body(slot)) || flash_erase(log(slot))",
    to: "flash_erase(body(slot))",
  },
  "sequence numbers do not wrap": {
    file: "slots",
    by: "cuts",
    from: "return <i32>(sequence - than) > 0;",
    to: "return sequence > than;",
  },
  "the older of two models runs": {
    file: "slots",
    by: "cuts",
    from: "return <i32>(sequence - than) > 0;",
    to: "return <i32>(sequence - than) < 0;",
  },
  "a trial is not marked": {
    file: "slots",
    by: "cuts",
    from: "    if (stateOf(slot) == State.Stored && !mark(slot, State.Trying)) continue;\n",
    to: "",
  },
  "a trial may start again": {
    file: "slots",
    by: "cuts",
    from: "  if (state != State.Stored && state != State.Confirmed) return false;",
    to: "  if (state < State.Stored || state > State.Confirmed) return false;",
  },
  "a model counts as confirmed when it is tried": {
    file: "slots",
    by: "cuts",
    from: "!mark(slot, State.Trying)",
    to: "!mark(slot, State.Confirmed)",
  },
  "to confirm again writes again": {
    file: "slots",
    by: "cuts",
    from: "if (state == State.Trying && !mark(running, State.Confirmed))",
    to: "if (!mark(running, State.Confirmed))",
  },
  "the counter is raised when a trial starts": {
    file: "slots",
    by: "cuts",
    from: "    running = slot;\n",
    to: "    running = slot;\n    raiseTo(load<u32>(HEADER, Header.counter));\n",
  },
  "the counter is raised before the model is confirmed": {
    file: "slots",
    by: "cuts",
    from: "  if (state == State.Trying && !mark(running, State.Confirmed)) return Status.WriteFailed;",
    to: "  if (!raiseTo(load<u32>(HEADER, Header.counter))) return Status.WriteFailed;\n  stateOf(running);\n  if (state == State.Trying && !mark(running, State.Confirmed)) return Status.WriteFailed;",
  },
  "the counter's greatest record is erased": {
    file: "counter",
    by: "duties",
    from: "return !flash_erase(counterSector(sector ^ 1)) && appendTo(sector ^ 1, number);",
    to: "return !flash_erase(counterSector(sector)) && appendTo(sector, number);",
  },
  "a model that runs may be overwritten": {
    file: "slots",
    by: "duties",
    from: "slot >= slotCount || (slot == running && slotCount > 1)",
    to: "slot >= slotCount",
  },
  "a transfer may begin during a trial": {
    file: "slots",
    by: "duties",
    from: "  if (running >= 0 && stateOf(running) == State.Trying) return Status.OnTrial;\n",
    to: "",
  },
  "a transfer goes on under an old sequence number": {
    file: "slots",
    by: "cuts",
    from: "if (newestSlot() != slot || stateOf(slot) != State.Receiving) return false;",
    to: "if (stateOf(slot) != State.Receiving) return false;",
  },
  "a transfer goes on with another model": {
    file: "slots",
    by: "cuts",
    from: "return isEqual(HEADER + Header.counter, statement, STATEMENT_BYTES) && isBlank(",
    to: "return isBlank(",
  },
  "a transfer goes on in a log that is full": {
    file: "slots",
    by: "cuts",
    from: " && isBlank(endCell(slot) - 3 * CELL_BYTES)",
    to: "",
  },
  "a sector that holds bytes is not erased": {
    file: "slots",
    by: "cuts",
    from: "      if (flash_erase(body(slot) + offset)) return Status.WriteFailed;\n",
    to: "",
  },
  "records are not read back": {
    file: "records",
    by: "cuts",
    from: "  if (flash_program(address, from, bytes)) return false;\n",
    to: "  return !flash_program(address, from, bytes);\n",
  },
  "a cell that was spoiled is used again": {
    file: "records",
    by: "cuts",
    from: "while (cell > begin && isBlank(cell - CELL_BYTES)) cell -= CELL_BYTES;",
    to: "while (cell > begin && !holdsRecord(cell - CELL_BYTES)) cell -= CELL_BYTES;",
  },
  "a record is one word": {
    file: "records",
    by: "cuts",
    from: "load<u32>(CELL) == ~load<u32>(CELL, 4)",
    to: "load<u32>(CELL) != 0 && load<u32>(CELL) != ~0",
  },
  "marks belong to any header": {
    file: "slots",
    by: "cuts",
    from: "const marked: i32 = load<u32>(CELL) ^ load<u32>(HEADER, Header.crc);",
    to: "const marked: i32 = load<u32>(CELL);",
  },
};
