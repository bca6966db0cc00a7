import { plainFields } from "../simd/field_code";
import { fields } from "./prepared_code";

/** Contract: ../scalar/field_code.ts. Rows for field2 and field4 are prepared as in bytes.ts; the rest as in simd. */
export function fieldCode<A>(
  bits: u32,
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
  if (bits == 2 || bits == 4) {
    fields(bits, 1, -offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
    return;
  }
  plainFields<A>(bits, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
}
