/** Code of a u8 or i8 element. */
export function lookup(table: Int16Array, dtype: "u8" | "i8", element: number): number {
  return table[dtype === "i8" ? element + 128 : element]!;
}
