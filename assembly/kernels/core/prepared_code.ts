import { Packing } from "../../blob";
import { HALVES, SIGNS } from "../../features";
import { PACKINGS } from "../../profiles";
import { halves } from "../common/halves";
import { planes } from "../common/planes";

/** sign32 and field2 by bit planes, as in scalar, in loops that stay loops: text of C lies in flash. field4 and field8 by halves of words. Contract: ../README.md. */
export function preparedCode(
  packing: u32,
  offset: i32,
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  if (PACKINGS & HALVES && packing >= <u32>Packing.field4) {
    halves(packing, -offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  } else {
    const bias = PACKINGS & SIGNS && packing == Packing.sign32 ? 0 : 1 - offset;
    planes(true, packing, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  }
}
