import { Packing } from "../../blob";
import { fieldBits } from "../common/fields";
import { halvesBytes, toHalves } from "../common/halves";

/** As halves of words for weights of 1, 2, 4 and 8 bits. */
export function preparedBytes(packing: u32, inputs: u32, _many: bool): u32 {
  return packing == Packing.sign32 || fieldBits(packing) ? halvesBytes(inputs) : 0;
}

export function prepare(signed: bool, packing: u32, row: usize, inputs: u32, _many: bool, to: usize): void {
  toHalves(signed, packing, row, inputs, to);
}
