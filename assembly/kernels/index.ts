import { Packing } from "../blob";
import { CORE, DATA, FIELD4, PAIR4, PANELS, SIGNS, SMALL } from "../features";
import { bytesBytes } from "./common/bytes";
import { lanesBytes, toLanes, toNibbles } from "./common/lanes";
import { packed, packedBytes, toPacked } from "./common/packed";
import { panelBytes as simdPanelBytes } from "./common/panel";
import { planes, planesBytes, toPlanes } from "./common/planes";
import { tablesBytes, toTables } from "./common/tables";
import { toBytes, Wide, wideOf } from "./common/wide";
import { signBit as coreSignBit } from "./core/sign32_bit";
import { fieldCode as relaxedFieldCode } from "./relaxed/field_code";
import { groupRowBytes, groupCode as relaxedGroupCode } from "./relaxed/field2x16_code";
import { panels as relaxedPanels } from "./relaxed/panel_code";
import { signCode as relaxedSignCode } from "./relaxed/sign_code";
import { fieldCode as scalarFieldCode } from "./scalar/field_code";
import { signCode as scalarSignCode } from "./scalar/sign_code";
import { signBit as scalarSignBit } from "./scalar/sign32_bit";
import { fieldCode as simdFieldCode } from "./simd/field_code";
import { pairCode as simdPairCode } from "./simd/pair4_code";
import { lanePanels } from "./simd/panel_code";
import { signCode as simdSignCode } from "./simd/sign_code";
import { signVector as simdSignVector } from "./simd/sign128_bit";

/**
 * The only file that knows which variants exist; it chooses by the compile-time constants ASC_FEATURE_SIMD and
 * ASC_FEATURE_RELAXED_SIMD (which implies the other), and what is not chosen is not compiled. A variant is a folder whose files
 * have the names and exports of scalar/; where one has none of its own, the next best serves. Contract: README.md.
 */
export function signBit(
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
  if (CORE) coreSignBit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  else inline.always(scalarSignBit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** In builds with SIMD. */
export function signVector(
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
  inline.always(simdSignVector(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** In builds with SIMD. */
export function pairCode(
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
  inline.always(simdPairCode(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

export function signCode<A>(
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
  if (ASC_FEATURE_RELAXED_SIMD) {
    inline.always(relaxedSignCode<A>(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
    return;
  }
  if (ASC_FEATURE_SIMD) {
    inline.always(simdSignCode<A>(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
    return;
  }
  inline.always(scalarSignCode<A>(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** In builds with relaxed SIMD. */
export function groupCode(
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
  inline.always(relaxedGroupCode(offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Of packings of fields, whose code is the bits of one. */
export function fieldCode<A>(
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
  if (ASC_FEATURE_RELAXED_SIMD) {
    inline.always(
      relaxedFieldCode<A>(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
    return;
  }
  if (ASC_FEATURE_SIMD) {
    inline.always(
      simdFieldCode<A>(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
    return;
  }
  inline.always(
    scalarFieldCode<A>(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
  );
}

/** In builds without SIMD, for packings whose rows are prepared (preparedBytes): those tell no longer of which type their codes were. */
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
  if (DATA & FIELD4 && packing == Packing.field4) {
    packed(-offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  } else {
    const bias = DATA & SIGNS && packing == Packing.sign32 ? 0 : 1 - offset;
    planes(packing, bias, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  }
}

/** Rows from which on weights are unpacked into a panel: a tile has two in relaxed builds, and three otherwise. */
export const PANEL_ROWS: u32 = ASC_FEATURE_RELAXED_SIMD ? 4 : 5;

/** In builds with panels, for rows and packings that have one (panelBytes). */
export function panelCode(
  signed: bool,
  packing: u32,
  offset: i32,
  panel: usize,
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
  const bits = fieldBits(packing);
  const factor = bits == 1 ? -2 : 1;
  const bias = bits == 1 ? 1 : -offset;
  if (ASC_FEATURE_RELAXED_SIMD) {
    relaxedPanels(
      bits,
      factor,
      bias,
      panel,
      weights,
      weightStep,
      channels,
      codes,
      codeStep,
      rows,
      inputs,
      sums,
      sumStep,
    );
    return;
  }
  lanePanels(
    bits,
    factor,
    bias,
    signed,
    panel,
    weights,
    weightStep,
    channels,
    codes,
    codeStep,
    rows,
    inputs,
    sums,
    sumStep,
  );
}

/** Whether rows for fields of `bits` bits are prepared as bytes; otherwise as i16. */
function asBytes(bits: u32): bool {
  if (ASC_FEATURE_RELAXED_SIMD) return bits != 8 || wideOf() != Wide.no;
  return false;
}

/** Bits of a field, for packings of fields that divide a byte; 0 for others. */
function fieldBits(packing: u32): u32 {
  if (packing == Packing.sign32 || packing == Packing.sign128) return 1;
  return packing == Packing.field2 || packing == Packing.field4 || packing == Packing.field8 ? packing : 0;
}

/** Bytes of the panel (simd/panel.ts) of an op of `rows` rows, for blocks of `height` rows; 0: it has none. */
export function panelBytes(packing: u32, rows: u32, height: u32): u32 {
  return PANELS && rows >= PANEL_ROWS && fieldBits(packing) ? simdPanelBytes(height) : 0;
}

/** Bytes of a prepared row of codes of an op of `rows` rows, a multiple of 16; 0: kernels of this packing take rows as they are. */
export function preparedBytes(packing: u32, inputs: u32, rows: u32): u32 {
  if (SMALL) return 0;
  if (ASC_FEATURE_SIMD && DATA & PAIR4 && packing == Packing.pair4) return tablesBytes(inputs);
  if (ASC_FEATURE_RELAXED_SIMD && packing == Packing.field2x16) return groupRowBytes(inputs);
  const bits = fieldBits(packing);
  if (!bits || (bits == 8 && (!PANELS || rows < PANEL_ROWS))) return 0;
  if (!ASC_FEATURE_SIMD) return DATA & FIELD4 && bits == 4 ? packedBytes(inputs) : planesBytes(inputs);
  return asBytes(bits) ? bytesBytes(bits, inputs) : lanesBytes(bits, inputs);
}

/** Writes a row of codes (i8 if `signed`, otherwise u8), one of `rows`, to `to`, as kernels of a packing want it. */
export function prepare(signed: bool, packing: u32, row: usize, inputs: u32, rows: u32, to: usize): void {
  const bits = fieldBits(packing);
  if (!ASC_FEATURE_SIMD) {
    if (DATA & FIELD4 && bits == 4) toPacked(signed, row, inputs, to);
    else toPlanes(signed, bits, row, inputs, to);
  } else if (DATA & PAIR4 && packing == Packing.pair4) toTables(signed, row, inputs, to);
  else if (ASC_FEATURE_RELAXED_SIMD && (!bits || asBytes(bits)))
    toBytes(signed, bits ? bits : 8, row, inputs, to); // field2x16: in their own order
  else {
    toLanes(signed, bits, row, inputs, to);
    if (bits == 4 && (!PANELS || rows < PANEL_ROWS)) toNibbles(inputs, to);
  }
}
