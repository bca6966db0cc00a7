import { Activation, Op, OpKind, Packing, Post, Weight } from "./blob";
import { PACKINGS } from "./profiles";

/**
 * Bits of FORMAT.md's words of ops, packings, posts and dtypes, which the header has and the export `features` tells.
 */
export const QUANTIZE: u32 = 1 << OpKind.quantize;
export const ARGMAX: u32 = 1 << OpKind.argmax;
export const MAXIMUM: u32 = 1 << OpKind.maximum;
export const CONV2D: u32 = 1 << OpKind.conv2d;
export const ADD: u32 = 1 << OpKind.add;
export const MAXPOOL: u32 = 1 << OpKind.maxpool;
export const AVGPOOL: u32 = 1 << OpKind.avgpool;
export const CONCAT: u32 = 1 << OpKind.concat;
export const UPSAMPLE: u32 = 1 << OpKind.upsample;
/** Ops of float regions: from this kind on, all of them. */
export const FLOATS: u32 = (<u32>-1) << OpKind.quantize_rows;
/** Ops that read heights and widths, as windows of the input do. */
export const WINDOWS: u32 = CONV2D | MAXPOOL | AVGPOOL | UPSAMPLE;

export const SIGN128: u32 = 1 << Packing.sign128;
export const SIGNS: u32 = (1 << Packing.sign32) | SIGN128;
export const FIELD2: u32 = 1 << Packing.field2;
export const FIELD4: u32 = 1 << Packing.field4;
export const FIELD8: u32 = 1 << Packing.field8;
export const PAIR4: u32 = 1 << Packing.pair4;
export const TRIT4: u32 = 1 << Packing.trit4;
export const FIELD2X16: u32 = 1 << Packing.field2x16;
export const TAP8: u32 = 1 << Packing.tap8;

export const THRESHOLDS: u32 = 1 << Post.thresholds;
export const REQUANTIZE: u32 = 1 << Post.requantize;
export const LOOKUP: u32 = 1 << Post.lookup;
export const SCORES: u32 = 1 << Post.scores;
export const PLANE: u32 = 1 << Post.plane;

export const BIT_TENSOR: u32 = 1 << Activation.bit;
export const SIGNED_INPUT: u32 = 1 << Activation.i8;
export const SCALED: u32 = 1 << Activation.scaled8;
export const WIDE: u32 = (1 << Activation.i16) | (1 << Activation.f32);
export const QUANTIZES_I32: u32 = 1 << 31;
/** Tensors of more than one position. */
export const PICTURES: u32 = 1 << 30;

/**
 * Whether this build is of few packings: for an interpreter, which keeps translated code in RAM. Loops stay loops then, and blocks are small.
 */
export const FEW_PACKINGS: bool = !(PACKINGS & ((1 << Packing.field3) | (1 << Packing.field8)));

/** Whether this build runs trit4 and no other packing. */
export const TRIT4_ALONE: bool = PACKINGS == TRIT4;
const FIELD2_ALONE: bool = PACKINGS == FIELD2;

/** Packing of a dense op; a constant in a build for one packing of ternary weights alone, which makes its kernel smaller. */
export function packingOf(op: usize): i32 {
  return FIELD2_ALONE ? Packing.field2 : TRIT4_ALONE ? Packing.trit4 : load<u8>(op, Op.packing);
}

/** What the fields of a dense op's weights are greater by than the weights: 1, 2, 4, 8 for ternary … int4, 128 for int8. */
export function weightOffset(op: usize): i32 {
  const dtype: i32 = load<u8>(op, Op.dtype);
  if (FIELD2_ALONE) return dtype; // ternary or int2
  return dtype == Weight.int8 ? 128 : 1 << (dtype - 1);
}
