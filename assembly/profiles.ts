import { Activation, OpKind, Packing, Post } from "./blob";
import { EVERYWHERE, FASTEST } from "./kernels/variant";

/**
 * What each build can do: the words of FORMAT.md's "Features". A build without a profile has all that its variant runs;
 * `asc --use TERN_TERNARY=1` and the like name one that leaves things out, which are then not compiled.
 *
 *     ternary   dense layers of ternary weights, u8 inputs by a table, thresholds
 *     binary    the same with binary weights, and tensors of bits
 *     any       the packings that every module runs
 */
// @ts-expect-error: names of profiles come from the command line
const TERNARY: bool = isDefined(TERN_TERNARY);
// @ts-expect-error
const BINARY: bool = isDefined(TERN_BINARY);
// @ts-expect-error
const ANY: bool = isDefined(TERN_ANY);
const SMALLEST: bool = TERNARY || BINARY;

export const OPS: u32 = (1 << OpKind.quantize) | (1 << OpKind.dense) | (SMALLEST ? 0 : 1 << OpKind.argmax);

const TRIT4: u32 = 1 << Packing.trit4;

export const PACKINGS: u32 = TERNARY
  ? FASTEST & TRIT4
    ? TRIT4
    : 1 << Packing.field2
  : BINARY
    ? 1 << Packing.sign32
    : EVERYWHERE | (ANY ? 0 : FASTEST);

export const POSTS: u32 =
  (1 << Post.none) |
  (1 << Post.thresholds) |
  (1 << Post.lookup) |
  (SMALLEST ? 0 : (1 << Post.requantize) | (1 << Post.scores));

/** Bit 31: quantize of i32. */
export const DTYPES: u32 =
  (1 << Activation.u8) |
  (1 << Activation.i32) |
  (TERNARY ? 0 : 1 << Activation.bit) |
  (SMALLEST ? 0 : (1 << Activation.i8) | (1 << Activation.i16) | (1 << Activation.f32) | (1 << 31));

/** Whether this build can stream weights; one that cannot (`--use TERN_RESIDENT=1`) imports nothing. */
// @ts-expect-error
export const STREAMS: bool = !isDefined(TERN_RESIDENT);

/** Whether kernels are plain loops, which take fewest bytes (`--use TERN_SMALL=1`). */
// @ts-expect-error
export const SMALL: bool = isDefined(TERN_SMALL);

/** Whether SIMD kernels share code that they otherwise have copies of, and there are no panels for many rows (`--use TERN_LEAN=1`). */
// @ts-expect-error
export const LEAN: bool = isDefined(TERN_LEAN);
