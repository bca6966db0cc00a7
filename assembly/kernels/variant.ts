import { Packing } from "../blob";

/**
 * Which variant this build is: the only file that names ASC_FEATURE_SIMD, ASC_FEATURE_RELAXED_SIMD (which implies the other) and TERN_CORE, the compile-time
 * constants that tell them apart. What is not chosen is not compiled.
 */
export const RELAXED: bool = ASC_FEATURE_RELAXED_SIMD;
export const SIMD: bool = ASC_FEATURE_SIMD;
/** For 32-bit cores, by way of C (`asc --use TERN_CORE=1`). */
// @ts-expect-error: TERN_CORE comes from the command line
export const CORE: bool = isDefined(TERN_CORE) ? TERN_CORE != 0 : false;

const SCALAR_PACKINGS: u32 =
  (1 << Packing.sign32) | (1 << Packing.field2) | (1 << Packing.field3) | (1 << Packing.field4) | (1 << Packing.field8);
const SIMD_PACKINGS: u32 = SCALAR_PACKINGS | (1 << Packing.pair4) | (1 << Packing.sign128);

/** The packings that the variant runs where a build names none: bit p for packing p. */
export const PACKINGS: u32 = RELAXED
  ? SIMD_PACKINGS | (1 << Packing.field2x16)
  : SIMD
    ? SIMD_PACKINGS
    : SCALAR_PACKINGS;
