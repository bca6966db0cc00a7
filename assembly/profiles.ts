import { Activation, OpKind, Packing, Post } from "./blob";
import { CORE, EVERYWHERE, FASTEST, SIMD } from "./kernels/variant";

/**
 * What each build can do: the words of FORMAT.md's "Features". A build without a profile has all that its variant runs; `asc --use TERN_TERNARY=1`
 * and the like (asconfig.json) name one that leaves things out, which are then not compiled:
 *
 *     ternary            dense layers of ternary weights, u8 inputs by a table, thresholds
 *     ternary_resident   the same in fewest bytes: plain loops, weights resident
 *     binary             as ternary, with binary weights, and tensors of bits
 *     integers           no ops of float regions
 *     command            weights resident; with SIMD, the packings that every module runs, and kernels that share code
 *
 * `tern build` gives the four words of a blob instead, TERN_OPS, TERN_PACKINGS, TERN_POSTS and TERN_DTYPES; and TERN_RESIDENT where weights are not streamed.
 */
// @ts-expect-error: names of profiles come from the command line
const TERNARY_RESIDENT: bool = isDefined(TERN_TERNARY_RESIDENT);
// @ts-expect-error
const TERNARY: bool = TERNARY_RESIDENT || isDefined(TERN_TERNARY);
// @ts-expect-error
const BINARY: bool = isDefined(TERN_BINARY);
// @ts-expect-error
const INTEGERS: bool = isDefined(TERN_INTEGERS);
// @ts-expect-error
const COMMAND: bool = isDefined(TERN_COMMAND);
const SMALLEST: bool = TERNARY || BINARY;
/** Whether a build that is given no words has the ops of float regions: devices do without. */
const FLOATS: bool = !(SMALLEST || INTEGERS || CORE || COMMAND);

const TRIT4: u32 = 1 << Packing.trit4;

// @ts-expect-error
export const OPS: u32 = isDefined(TERN_OPS)
  ? // @ts-expect-error
    TERN_OPS
  : (1 << OpKind.quantize) |
    (1 << OpKind.dense) |
    (SMALLEST
      ? 0
      : (1 << OpKind.argmax) |
        (1 << OpKind.maximum) |
        (1 << OpKind.conv2d) |
        (1 << OpKind.add) |
        (1 << OpKind.maxpool) |
        (1 << OpKind.avgpool) |
        (1 << OpKind.concat) |
        (1 << OpKind.upsample) |
        (FLOATS ? ((1 << (OpKind.pick + 1)) - 1) & ((<u32>-1) << OpKind.quantize_rows) : 0));

// @ts-expect-error
export const PACKINGS: u32 = isDefined(TERN_PACKINGS)
  ? // @ts-expect-error
    TERN_PACKINGS
  : TERNARY
    ? FASTEST & TRIT4
      ? TRIT4
      : 1 << Packing.field2
    : BINARY
      ? 1 << Packing.sign32
      : EVERYWHERE | (COMMAND ? 0 : FASTEST) | (FLOATS ? 1 << Packing.f32 : 0);

// @ts-expect-error
export const POSTS: u32 = isDefined(TERN_POSTS)
  ? // @ts-expect-error
    TERN_POSTS
  : (1 << Post.none) |
    (1 << Post.thresholds) |
    (1 << Post.lookup) |
    (SMALLEST ? 0 : (1 << Post.requantize) | (1 << Post.scores) | (1 << Post.plane)) |
    (FLOATS ? 1 << Post.float : 0);

/** Bit 31: quantize of i32; 30: tensors of more than one position. */
// @ts-expect-error
export const DTYPES: u32 = isDefined(TERN_DTYPES)
  ? // @ts-expect-error
    TERN_DTYPES
  : (1 << Activation.u8) |
    (1 << Activation.i32) |
    (TERNARY ? 0 : 1 << Activation.bit) |
    (SMALLEST ? 0 : (1 << Activation.i8) | (1 << Activation.i16) | (1 << Activation.f32) | (1 << 30) | (1 << 31)) |
    (FLOATS ? 1 << Activation.scaled8 : 0);

/** Whether this build can stream weights; one that cannot imports nothing. */
// @ts-expect-error
export const STREAMS: bool = !(TERNARY_RESIDENT || COMMAND || isDefined(TERN_RESIDENT));

/** Whether all but the kernel of trit4 is plain loops, which take fewest bytes. */
export const SMALL: bool = TERNARY_RESIDENT || (CORE && PACKINGS == TRIT4);

/** Whether SIMD kernels share code that they otherwise have copies of, and there are no panels for many rows. */
export const LEAN: bool = COMMAND && SIMD;
