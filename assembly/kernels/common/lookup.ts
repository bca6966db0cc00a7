import { RELAXED } from "../variant";

/** Bytes `index`[i] of a table of 16, for indices below 16: all that the relaxed instruction leaves open does not happen. */
export function lookup(table: v128, index: v128): v128 {
  return RELAXED ? i8x16.relaxed_swizzle(table, index) : i8x16.swizzle(table, index);
}
