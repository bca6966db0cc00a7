import { Packing } from "../blob";

/**
 * Which variant this build is: the only file that names ASC_FEATURE_SIMD, ASC_FEATURE_RELAXED_SIMD (which implies the other) and TERN_CORE, the compile-time
 * constants that tell them apart. What is not chosen is not compiled.
 */
export const RELAXED: bool = ASC_FEATURE_RELAXED_SIMD;
export const SIMD: bool = ASC_FEATURE_SIMD;
/** For 32-bit cores, by way of C (`asc --use TERN_CORE=1`). */
// @ts-expect-error: TERN_CORE comes from the command line
export const CORE: bool = isDefined(TERN_CORE);

/** Packings that every variant runs: bit p for packing p. */
export const EVERYWHERE: u32 =
  (1 << Packing.sign32) |
  (1 << Packing.field2) |
  (1 << Packing.field3) |
  (1 << Packing.field4) |
  (1 << Packing.field8) |
  (1 << Packing.tap8);

/** Packings that this variant runs besides, where they are fastest. */
export const FASTEST: u32 =
  (CORE ? 1 << Packing.trit4 : 0) |
  (SIMD ? (1 << Packing.pair4) | (1 << Packing.sign128) : 0) |
  (RELAXED ? 1 << Packing.field2x16 : 0);
