import type { Lookup } from "../../program.ts";
import type { PostFormat } from "./format.ts";

/** Codes of a table: one for each byte. */
const ENTRIES = 256;

export const lookup: PostFormat<Lookup> = {
  recordBytes: () => ENTRIES,
  records: () => 1,
  empty: () => ({ kind: "lookup", table: new Int16Array(ENTRIES) }),

  read(view, at, { table }, _index, unsigned) {
    for (let entry = 0; entry < ENTRIES; entry++) {
      table[entry] = unsigned ? view.getUint8(at + entry) : view.getInt8(at + entry);
    }
  },

  write(view, at, { table }) {
    table.forEach((code, entry) => {
      view.setInt8(at + entry, code);
    });
  },
};
