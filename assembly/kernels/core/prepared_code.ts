import { Packing } from "../../blob";
import { FIELD4, SIGNS } from "../../features";
import { PACKINGS } from "../../profiles";
import { packed } from "../common/packed";
import { planes } from "../common/planes";

/** As in scalar, in loops that stay loops: text of C lies in flash. Contract: ../README.md. */
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
  if (PACKINGS & FIELD4 && packing == Packing.field4) {
    packed(-offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  } else {
    const bias = PACKINGS & SIGNS && packing == Packing.sign32 ? 0 : 1 - offset;
    planes(true, packing, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  }
}
