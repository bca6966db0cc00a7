import { Packing } from "../../blob";
import { FIELD4, SIGNS } from "../../features";
import { PACKINGS } from "../../profiles";
import { packedBytes, toPacked } from "../common/packed";
import { planesBytes, toPlanes } from "../common/planes";

/** As bit planes for weights of one and two bits, as words of lanes for those of four. */
export function preparedBytes(packing: u32, inputs: u32, _many: bool): u32 {
  if (PACKINGS & FIELD4 && packing == Packing.field4) return packedBytes(inputs);
  return packing == Packing.sign32 || packing == Packing.field2 ? planesBytes(inputs) : 0;
}

export function prepare(signed: bool, packing: u32, row: usize, inputs: u32, _many: bool, to: usize): void {
  if (PACKINGS & FIELD4 && packing == Packing.field4) toPacked(signed, row, inputs, to);
  else toPlanes(signed, PACKINGS & SIGNS && packing == Packing.sign32 ? 1 : 2, row, inputs, to);
}
