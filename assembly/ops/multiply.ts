import { Activation, Packing } from "../blob";
import {
  BIT_TENSOR,
  FIELD2X16,
  PAIR4,
  packingOf,
  SCALED,
  SIGN128,
  SIGNED_INPUT,
  SIGNS,
  weightOffset,
} from "../features";
import {
  BLOCK_ROWS,
  field2x16Code,
  fieldCode,
  isPrepared,
  PANELS,
  pair4Code,
  panelBytes,
  panelCode,
  preparedCode,
  sign32Bit,
  sign128Bit,
  signCode,
} from "../kernels";
import { DTYPES, PACKINGS, SMALL } from "../profiles";
import { inputOf, prepared } from "../regions";
import { dtypeOf } from "../tensors";

/** A block of sums (kernels/README.md), by the kernel of packing and input dtype; `count` rows share the weights in all, `height` of them in this block. */
export function multiply(
  op: usize,
  count: u32,
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  height: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  const packing = packingOf(op);
  const dtype = DTYPES & (BIT_TENSOR | SIGNED_INPUT) ? dtypeOf(inputOf(op)) : Activation.u8;
  const input = DTYPES & SCALED && dtype == Activation.scaled8 ? Activation.i8 : dtype;
  if (DTYPES & BIT_TENSOR && input == Activation.bit) {
    if (PACKINGS & SIGN128 && packing == Packing.sign128) {
      sign128Bit(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    } else {
      sign32Bit(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    }
    return;
  }
  if (PACKINGS & PAIR4 && packing == Packing.pair4) {
    pair4Code(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  const signed: bool = DTYPES & SIGNED_INPUT && input == Activation.i8;
  const offset = weightOffset(op);
  if (PANELS && panelBytes(packing, count, BLOCK_ROWS)) {
    panelCode(
      packing,
      offset,
      signed,
      prepared,
      weights,
      weightStep,
      channels,
      codes,
      codeStep,
      height,
      inputs,
      sums,
      sumStep,
    );
    return;
  }
  if (PACKINGS & FIELD2X16 && packing == Packing.field2x16) {
    field2x16Code(offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  if (isPrepared(packing, inputs, count)) {
    preparedCode(packing, offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  if (PACKINGS & SIGNS && SMALL && packing == Packing.sign32) {
    if (signed) signCode<i8>(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    else signCode<u8>(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  if (signed) {
    inline.always(
      fieldCode<i8>(packing, offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep),
    );
  } else {
    inline.always(
      fieldCode<u8>(packing, offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep),
    );
  }
}
