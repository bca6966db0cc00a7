import { Packing } from "../../blob";
import { bytesBytes } from "../common/bytes";
import { fieldBits } from "../common/fields";
import { toBytes, Wide, wideOf } from "../common/wide";
import { preparedBytes as simdBytes, prepare as simdPrepare } from "../simd/rows";

/** Whether rows for fields of `bits` bits are prepared as bytes; otherwise as in simd. */
function asBytes(bits: u32): bool {
  return bits != 0 && (bits != 8 || wideOf() != Wide.no);
}

/** As bytes, for field2x16 in their own order; for int8 as i16 where no machine instruction multiplies bytes; pair4 as in simd. */
export function preparedBytes(packing: u32, inputs: u32, many: bool): u32 {
  if (packing == Packing.field2x16) return bytesBytes(8, inputs) + 64; // and the sums of a group
  const bits = fieldBits(packing);
  if (bits == 8 && !many) return 0;
  return asBytes(bits) ? bytesBytes(bits, inputs) : simdBytes(packing, inputs, many);
}

export function prepare(signed: bool, packing: u32, row: usize, inputs: u32, many: bool, to: usize): void {
  const bits = packing == Packing.field2x16 ? 8 : fieldBits(packing);
  if (packing == Packing.field2x16 || asBytes(bits)) toBytes(signed, bits, row, inputs, to);
  else simdPrepare(signed, packing, row, inputs, many, to);
}
