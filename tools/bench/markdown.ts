import { formatCount } from "../terminal/table.ts";

/** Three significant digits, none behind the point from 100 on. */
export function formatNumber(value: number): string {
  return value >= 100 ? formatCount(Math.round(value)) : value.toPrecision(3);
}

/** A Markdown table, its columns aligned in the source as well. `align` has one letter per column: l (left) or r (right). */
export function formatMarkdown(align: string, rows: readonly (readonly string[])[]): string[] {
  const widths = Array.from(align, (_, column) => Math.max(2, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  const [header, ...body] = rows.map((row) =>
    line(row.map((cell, c) => (align[c] === "r" ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))),
  );
  const rule = line(widths.map((width, c) => (align[c] === "r" ? `${"-".repeat(width - 1)}:` : "-".repeat(width))));
  return [header!, rule, ...body];
}

/** Rows as they are, for a terminal: a column for each of their fields, numbers to the right. Fields of fields have columns of their own. */
export function formatRows(rows: readonly object[]): string[] {
  const flat = rows.map(flatten);
  const names = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  const align = names.map((name) => (flat.some((row) => typeof row[name] === "string") ? "l" : "r")).join("");
  const cells = flat.map((row) => names.map((name) => formatValue(row[name])));
  return rows.length === 0 ? [] : formatMarkdown(align, [names, ...cells]);
}

function flatten(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).flatMap(([name, value]) =>
      typeof value === "object" && value !== null
        ? Object.entries(value).map(([inner, each]) => [`${name} ${inner}`, each])
        : [[name, value]],
    ),
  );
}

function formatValue(value: unknown): string {
  return typeof value === "number" && Number.isInteger(value) ? formatCount(value) : String(value ?? "");
}

/** Distinct values, in their order. */
export function distinct<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}
