/** Lines of a table. `align` has one letter per column: l (left) or r (right). Columns are two spaces apart. */
export function formatTable(align: string, rows: readonly (readonly string[])[]): string[] {
  const widths = Array.from(align, (_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (align[column] === "r" ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** "12,345". */
export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

/** "34.1 %" of a share of 0.341. */
export function formatShare(share: number, decimals = 1): string {
  return `${(100 * share).toFixed(decimals)} %`;
}

/** "1 row", "2 rows". */
export function plural(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? "" : "s"}`;
}
