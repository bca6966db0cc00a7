import { Activation, Op, OpKind, Packing, Post, Weight } from "./blob";
import { PACKINGS } from "./kernels/variant";

/**
 * Bits of the header's `opFeatures` and `dataFeatures` (FORMAT.md), and of the export `features`.
 * opFeatures: bit k for op kind k, and three for dtypes. dataFeatures: bit p for packing p, bit 16 + p for post p.
 */
export const QUANTIZE: u32 = 1 << OpKind.quantize;
export const ARGMAX: u32 = 1 << OpKind.argmax;
export const WIDE_INPUT: u32 = 1 << 29;
export const BIT_TENSOR: u32 = 1 << 30;
export const SIGNED_INPUT: u32 = 1 << 31;

export const POST_BIT: u32 = 16;
export const SIGN128: u32 = 1 << Packing.sign128;
export const SIGNS: u32 = (1 << Packing.sign32) | SIGN128;
export const FIELD4: u32 = 1 << Packing.field4;
export const PAIR4: u32 = 1 << Packing.pair4;
export const TRIT4: u32 = 1 << Packing.trit4; // from tables at the start of memory
export const FIELD2X16: u32 = 1 << Packing.field2x16;
export const THRESHOLDS: u32 = 1 << (POST_BIT + Post.thresholds);
export const REQUANTIZE: u32 = 1 << (POST_BIT + Post.requantize);
export const LOOKUP: u32 = 1 << (POST_BIT + Post.lookup);
export const SCORES: u32 = 1 << (POST_BIT + Post.scores);

const POSTS: u32 = (1 << POST_BIT) | THRESHOLDS | REQUANTIZE | LOOKUP | SCORES;

/**
 * What this build can do: everything that exists (ops 1–3 and the three dtype bits; the packings that its variant runs; posts 0–4), or what
 * `asc --use TERN_OP_FEATURES=mask --use TERN_DATA_FEATURES=mask` leaves; the rest is not compiled.
 */
// @ts-expect-error: TERN_OP_FEATURES and TERN_DATA_FEATURES come from the command line
export const OPS: u32 = isDefined(TERN_OP_FEATURES) ? TERN_OP_FEATURES : 0xe000000e;
// @ts-expect-error
export const DATA: u32 = isDefined(TERN_DATA_FEATURES) ? TERN_DATA_FEATURES : PACKINGS | POSTS;

/** Whether this build can stream weights; one that cannot (`--use TERN_STREAMS=0`) imports nothing. */
// @ts-expect-error
export const STREAMS: bool = isDefined(TERN_STREAMS) ? TERN_STREAMS != 0 : true;

/** Whether SIMD kernels share code that they otherwise have copies of, and there are no panels for many rows (`--use TERN_LEAN=1`). */
// @ts-expect-error
export const LEAN: bool = isDefined(TERN_LEAN) ? TERN_LEAN != 0 : false;

/** Whether kernels are plain loops, which take fewest bytes (`--use TERN_SMALL=1`). */
// @ts-expect-error
export const SMALL: bool = isDefined(TERN_SMALL) ? TERN_SMALL != 0 : false;

/**
 * Whether this build is of few packings: for an interpreter, which keeps translated code in RAM. Loops stay loops then, and blocks are small.
 */
export const FEW_PACKINGS: bool = !(DATA & ((1 << Packing.field3) | (1 << Packing.field8)));

/** Whether this build runs trit4 and no other packing. */
export const TRIT4_ALONE: bool = (DATA & 0xffff) == TRIT4;
const FIELD2_ALONE: bool = (DATA & 0xffff) == 1 << Packing.field2;

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

/** Bit d is set for every dtype d of this build. */
export const DTYPES: u32 =
  (1 << Activation.u8) |
  (1 << Activation.i32) |
  (OPS & BIT_TENSOR ? 1 << Activation.bit : 0) |
  (OPS & SIGNED_INPUT ? 1 << Activation.i8 : 0) |
  (OPS & WIDE_INPUT ? (1 << Activation.i16) | (1 << Activation.f32) : 0);
