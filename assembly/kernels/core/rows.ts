import { Packing } from "../../blob";
import { HALVES, SIGNS } from "../../features";
import { PACKINGS } from "../../profiles";
import { halvesBytes, toHalves } from "../common/halves";
import { planesBytes, toPlanes } from "../common/planes";

/** As bit planes for weights of one and two bits, as halves of words for those of four and eight. */
export function preparedBytes(packing: u32, inputs: u32, _many: bool): u32 {
  if (PACKINGS & HALVES && (packing == Packing.field4 || packing == Packing.field8)) return halvesBytes(inputs);
  return packing == Packing.sign32 || packing == Packing.field2 ? planesBytes(inputs) : 0;
}

export function prepare(signed: bool, packing: u32, row: usize, inputs: u32, _many: bool, to: usize): void {
  if (PACKINGS & HALVES && packing >= <u32>Packing.field4) toHalves(signed, packing, row, inputs, to);
  else toPlanes(signed, PACKINGS & SIGNS && packing == Packing.sign32 ? 1 : 2, row, inputs, to);
}
