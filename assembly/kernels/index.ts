import { FEW_PACKINGS, FIELD8, TRIT4 } from "../features";
import { LEAN, PACKINGS, SMALL } from "../profiles";
import { fieldBits } from "./common/fields";
import { panelBytes as bytesOfPanel } from "./common/panel";
import { wideOf } from "./common/wide";
import * as core from "./core";
import * as relaxed from "./relaxed";
import * as scalar from "./scalar";
import * as simd from "./simd";
import { CORE, RELAXED, SIMD } from "./variant";

/**
 * The only file that chooses between variants, by compile-time constants (variant.ts); what is not chosen is not compiled. All variants
 * have the same files with the same exports. What the rest of the module must know of a variant, it asks here. Contract: README.md.
 */

/** Rows from which on weights are unpacked once for all rows; none where there are no panels. */
const PANEL_ROWS: u32 = RELAXED
  ? relaxed.PANEL_ROWS
  : SIMD
    ? simd.PANEL_ROWS
    : CORE
      ? core.PANEL_ROWS
      : scalar.PANEL_ROWS;

/** Whether there are vectors of 16 bytes. */
export const HAS_VECTORS: bool = SIMD;

/** Whether many rows share unpacked weights. */
export const PANELS: bool = PANEL_ROWS != 0 && !LEAN;

/** Whether a block is one channel and one row. */
export const ONE_BY_ONE: bool = SMALL;

/** Whether blocks are small, for little memory. */
const SMALL_BLOCKS: bool = CORE || FEW_PACKINGS;

/** The channels and rows whose sums a kernel is asked for at a time, where a post follows; more channels if there are fewer rows. */
export const BLOCK_CHANNELS: u32 = SMALL && !(PACKINGS & TRIT4) ? 1 : SMALL_BLOCKS || SIMD ? 16 : 64;
export const BLOCK_ROWS: u32 = SIMD ? 64 : 1;

/** Whether thresholds are found by halving; otherwise all are compared, which vectors or fewest bytes make worth it. */
export const HALVING: bool = !SMALL && (CORE || !(FEW_PACKINGS || SIMD));

/** Whether bytes are copied four words at a time, where every access of a loop's turn is checked. */
export const LONG_COPIES: bool = CORE && !SMALL;

/** Whether depthwise convolutions read windows where they lie, line by line; otherwise all are gathered, which takes fewest bytes. */
export const READS_WINDOWS: bool = CORE || SIMD;

/** Whether a product of 64 bits may be a call, of some 50 instructions. */
export const DEAR_64_BIT_PRODUCTS: bool = CORE;

/** Whether the instructions of a product depend on the machine, as `dotProducts` tells. */
export const DOT_PRODUCTS_VARY: bool = RELAXED;

/** What a dot product of bytes is on this machine (common/wide.ts). */
export function dotProducts(): i32 {
  return wideOf();
}

/** sign32 × bits. */
export function sign32Bit(
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
  if (RELAXED)
    inline.always(relaxed.sign32Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (SIMD)
    inline.always(simd.sign32Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (CORE)
    inline.always(core.sign32Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else inline.always(scalar.sign32Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** sign128 × bits. */
export function sign128Bit(
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
  if (RELAXED)
    inline.always(relaxed.sign128Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (SIMD)
    inline.always(simd.sign128Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (CORE)
    inline.always(core.sign128Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else inline.always(scalar.sign128Bit(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Binary weights × codes as they are: where kernels are to be small. */
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
  if (RELAXED)
    inline.always(relaxed.signCode<A>(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (SIMD)
    inline.always(simd.signCode<A>(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (CORE)
    inline.always(core.signCode<A>(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else inline.always(scalar.signCode<A>(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** Packings of fields, whose code is the bits of one, × codes as they are. */
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
  if (RELAXED)
    inline.always(
      relaxed.fieldCode<A>(
        packing,
        offset,
        weights,
        weightStep,
        channels,
        codes,
        codeStep,
        rows,
        inputs,
        sums,
        sumStep,
      ),
    );
  else if (SIMD)
    inline.always(
      simd.fieldCode<A>(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
  else if (CORE)
    inline.always(
      core.fieldCode<A>(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
  else
    inline.always(
      scalar.fieldCode<A>(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
}

/** Signs and fields × prepared rows (isPrepared), which tell no longer of which type their codes were. */
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
  if (RELAXED)
    inline.always(
      relaxed.preparedCode(
        packing,
        offset,
        weights,
        weightStep,
        channels,
        codes,
        codeStep,
        rows,
        inputs,
        sums,
        sumStep,
      ),
    );
  else if (SIMD)
    inline.always(
      simd.preparedCode(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
  else if (CORE)
    inline.always(
      core.preparedCode(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
  else
    inline.always(
      scalar.preparedCode(packing, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
}

/** pair4 × prepared rows. */
export function pair4Code(
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
  if (RELAXED)
    inline.always(relaxed.pair4Code(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (SIMD)
    inline.always(simd.pair4Code(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else if (CORE)
    inline.always(core.pair4Code(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
  else inline.always(scalar.pair4Code(weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep));
}

/** field2x16 × prepared rows. */
export function field2x16Code(
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
  if (RELAXED)
    inline.always(
      relaxed.field2x16Code(offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
  else if (SIMD)
    inline.always(
      simd.field2x16Code(offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
  else if (CORE)
    inline.always(
      core.field2x16Code(offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
  else
    inline.always(
      scalar.field2x16Code(offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep),
    );
}

/** tap8 × the codes that a position sees (scalar/tap8_code.ts). */
export function tap8Code(
  signed: bool,
  weights: usize,
  taps: u32,
  kernelWidth: u32,
  codes: usize,
  tapStep: u32,
  lineStep: u32,
  first: u32,
  multiplier: u32,
  channels: u32,
  sums: usize,
): void {
  if (RELAXED)
    inline.always(
      relaxed.tap8Code(signed, weights, taps, kernelWidth, codes, tapStep, lineStep, first, multiplier, channels, sums),
    );
  else if (SIMD)
    inline.always(
      simd.tap8Code(signed, weights, taps, kernelWidth, codes, tapStep, lineStep, first, multiplier, channels, sums),
    );
  else if (CORE)
    inline.always(
      core.tap8Code(signed, weights, taps, kernelWidth, codes, tapStep, lineStep, first, multiplier, channels, sums),
    );
  else
    inline.always(
      scalar.tap8Code(signed, weights, taps, kernelWidth, codes, tapStep, lineStep, first, multiplier, channels, sums),
    );
}

/** In builds with panels, for rows and packings that have one (panelBytes). */
export function panelCode(
  packing: u32,
  offset: i32,
  signed: bool,
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
  if (RELAXED)
    relaxed.panelCode(
      packing,
      offset,
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
  else if (SIMD)
    simd.panelCode(
      packing,
      offset,
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
  else if (CORE)
    core.panelCode(
      packing,
      offset,
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
  else
    scalar.panelCode(
      packing,
      offset,
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

/** Bytes of the panel (common/panel.ts) of an op of `rows` rows, for blocks of `height` rows; 0: it has none. */
export function panelBytes(packing: u32, rows: u32, height: u32): u32 {
  return PANELS && rows >= PANEL_ROWS && fieldBits(packing) ? bytesOfPanel(height) : 0;
}

/** Bytes of a prepared row of codes of an op of `rows` rows, a multiple of 16; 0: kernels of this packing take rows as they are. */
export function preparedBytes(packing: u32, inputs: u32, rows: u32): u32 {
  if (SMALL) return 0;
  const many = PANELS && rows >= PANEL_ROWS;
  if (RELAXED) return relaxed.preparedBytes(packing, inputs, many);
  if (SIMD) return simd.preparedBytes(packing, inputs, many);
  return CORE ? core.preparedBytes(packing, inputs, many) : scalar.preparedBytes(packing, inputs, many);
}

/** Whether rows of codes are prepared. */
export function isPrepared(packing: u32, inputs: u32, rows: u32): bool {
  return !SMALL && (FEW_PACKINGS || preparedBytes(packing, inputs, rows));
}

/** Writes a row of codes (i8 if `signed`, otherwise u8), one of `rows`, to `to`, as kernels of a packing want it. */
export function prepare(signed: bool, packing: u32, row: usize, inputs: u32, rows: u32, to: usize): void {
  const many = PANELS && rows >= PANEL_ROWS;
  if (RELAXED) relaxed.prepare(signed, packing, row, inputs, many, to);
  else if (SIMD) simd.prepare(signed, packing, row, inputs, many, to);
  else if (CORE) core.prepare(signed, packing, row, inputs, many, to);
  else scalar.prepare(signed, packing, row, inputs, many, to);
}

/** Whether there is a kernel for two rows at a time, prepared as one (common/pairs.ts). */
export const PAIRS: bool = CORE && (PACKINGS & FIELD8) != 0;

export { pairs as pairCode, pairsBytes as pairBytes, toPairs as preparePair } from "./common/pairs";

/** Bytes from address 0 on that kernels keep for tables. */
export const OWN_BYTES: u32 = PACKINGS & TRIT4 ? core.TRIT4_BYTES : 0;

/** Fields of two bits × codes of many rows (ops/quads.ts): the same in all variants with vectors. */
export { clear } from "./common/panel";
export {
  addQuads,
  LANES,
  QUADS,
  QUADS_BYTES,
  quadTables,
  quadWindow,
  storeQuads,
  valuesOf,
  widenQuads,
} from "./common/quads";
/** trit4 × codes, strip by strip (ops/trit4.ts): the same in all variants. */
export { TRIT4_BIAS, trit4PairSums, trit4PairTables, trit4Start, trit4Sums, trit4Tables } from "./core";
