import type { Lookup } from "../program.ts";

/** Code of a u8 or i8 element: the entry at its low 8 bits. */
export function lookup({ table }: Lookup, element: number): number {
  return table[element & 0xff]!;
}
