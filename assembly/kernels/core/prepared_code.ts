import { Packing } from "../../blob";
import { halves } from "../common/halves";

/** sign32, field2, field4 and field8 by halves of words. Contract: ../README.md. */
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
  const bias = packing == Packing.sign32 ? 1 : -offset;
  halves(packing, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
}
