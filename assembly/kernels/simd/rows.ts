import { Packing } from "../../blob";
import { PAIR4 } from "../../features";
import { PACKINGS } from "../../profiles";
import { fieldBits } from "../common/fields";
import { lanesBytes, toLanes, toNibbles } from "../common/lanes";
import { tablesBytes, toTables } from "../common/tables";

/** As tables for pair4; for fields that divide a byte as i16, in their order. Bytes are unpacked for panels alone. */
export function preparedBytes(packing: u32, inputs: u32, many: bool): u32 {
  if (PACKINGS & PAIR4 && packing == Packing.pair4) return tablesBytes(inputs);
  const bits = fieldBits(packing);
  return bits && (many || bits < 8) ? lanesBytes(bits, inputs) : 0;
}

export function prepare(signed: bool, packing: u32, row: usize, inputs: u32, many: bool, to: usize): void {
  if (PACKINGS & PAIR4 && packing == Packing.pair4) {
    toTables(signed, row, inputs, to);
    return;
  }
  const bits = fieldBits(packing);
  toLanes(signed, bits, row, inputs, to);
  if (bits == 4 && !many) toNibbles(inputs, to);
}
