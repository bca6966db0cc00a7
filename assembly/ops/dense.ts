import { Activation, Packing } from "../blob";
import { BIT_TENSOR, packingOf, SIGN128, TRIT4_ALONE } from "../features";
import { BLOCK_ROWS, panelBytes, preparedBytes } from "../kernels";
import { inGroups, weightRowBytes } from "../packings";
import { DTYPES, PACKINGS, SMALL } from "../profiles";
import { isTrit4, stripBytes, stripsOf } from "./trit4";

// What is proven of dense ops, which layer.ts and trit4.ts run.

/** Whether weights of a packing are multiplied by elements of a dtype. */
export function denseFits(from: i32, packing: u32): bool {
  const signs = packing == Packing.sign32 || (PACKINGS & SIGN128 && packing == Packing.sign128);
  return !(from > Activation.i8 || (DTYPES & BIT_TENSOR && from == Activation.bit && !signs));
}

/** Bytes of weights in a tile. */
export function denseTileBytes(op: usize, packing: u32, inputs: u32, tileChannels: u32): u64 {
  if (TRIT4_ALONE || isTrit4(op)) return <u64>stripBytes(op) * stripsOf(inputs);
  const whole = inGroups(packing) ? (tileChannels + 15) & ~15 : tileChannels;
  return <u64>whole * weightRowBytes(packingOf(op), inputs);
}

/** Bytes of scratch: in trit4, sums of the channels of a tile; else prepared rows, and a panel. */
export function denseScratch(op: usize, from: i32, packing: u32, inputs: u32, rows: u32): u64 {
  if (TRIT4_ALONE || isTrit4(op)) return stripBytes(op);
  if (SMALL || from == Activation.bit) return 0;
  return panelBytes(packing, rows, BLOCK_ROWS) + <u64>preparedBytes(packing, inputs, rows) * rows;
}
