import { fields } from "./prepared_code";

/** Contract: ../scalar/sign_code.ts, with rows prepared as in bytes.ts. A bit is a field; the weight is 1 − 2 · bit. */
export function signCode<_A>(
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
  fields(1, -2, 1, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
}
