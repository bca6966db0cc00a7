import { escapeText, shorten } from "../../host/base/printable.ts";
import { columnsOf, joinTexts, padText, type Text, trimText } from "./paint.ts";
import { screenColumns } from "./screen.ts";
import { wrapText } from "./wrap.ts";

const GAP = "  ";
/** Columns that a cell of text keeps, and a last one that is wrapped. */
const LEAST_COLUMNS = 12;
const LEAST_LAST_COLUMNS = 24;

/** How a table fits the screen. */
export interface TableOptions {
  /** Whether the first row names the columns. Such a table may become a list, one line per cell. */
  headed?: boolean;
  /** Of the screen, if not the standard output's. */
  columns?: number;
}

/**
 * Lines of a table. `align` has one letter per column: l (left) or r (right). Columns are two spaces apart. Where they are wider than the
 * screen, text is wrapped in the last column and cut in others, or the table becomes a list.
 */
export function formatTable<Cell extends Text>(
  align: string,
  cells: readonly (readonly Cell[])[],
  { headed = false, columns = screenColumns() }: TableOptions = {},
): Cell[] {
  const rows = cells.map((row) => row.map((cell) => (typeof cell === "string" ? escapeText(cell) : cell)));
  const widths = Array.from(align, (_, column) => Math.max(...rows.map((row) => columnsOf(row[column]!))));
  const fitted = rows.length === 0 ? widths : fitWidths(align, widths, columns);
  const isList = fitted === undefined && headed;
  const lines = isList ? formatList(rows, columns) : rows.flatMap((row) => formatRow(align, row, fitted ?? widths));
  return lines as Cell[]; // strings of strings
}

/** Widths that the screen has room for; undefined where it has none. */
function fitWidths(align: string, widths: readonly number[], columns: number): number[] | undefined {
  const fitted = widths.slice();
  const last = fitted.length - 1;
  const excess = () => fitted.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
  const shrink = (column: number, least: number) => {
    const width = fitted[column]!;
    if (align[column] === "l" && excess() > 0) fitted[column] = Math.max(width - excess(), Math.min(width, least));
  };
  shrink(last, LEAST_LAST_COLUMNS);
  const byWidth = fitted.map((_, column) => column).sort((a, b) => fitted[b]! - fitted[a]!);
  for (const column of byWidth) if (column !== last) shrink(column, LEAST_COLUMNS);
  return excess() <= 0 ? fitted : undefined;
}

/** A row: one line, or more where its last cell is wrapped. */
function formatRow(align: string, row: readonly Text[], widths: readonly number[]): Text[] {
  const last = row.length - 1;
  const end = row[last]!;
  const isLong = typeof end === "string" && align[last] === "l" && end.length > widths[last]!;
  const ends: Text[] = isLong ? wrapText(end, widths[last], "") : [end];
  return ends.map((part, line) => {
    const cells = row.map((cell, column) => {
      const text = column === last ? part : line > 0 ? "" : cell;
      const width = widths[column]!;
      return padText(
        typeof text === "string" && column !== last ? shorten(text, width) : text,
        width,
        align[column] === "r" ? "before" : "behind",
      );
    });
    return trimText(joinTexts(cells, GAP));
  });
}

/** A table as a list: what stands first, and below it a line for each other cell, with the name of its column. */
function formatList([names = [], ...rows]: readonly (readonly Text[])[], columns: number): Text[] {
  const width = Math.max(...names.slice(1).map(columnsOf));
  return rows.flatMap(([title = "", ...cells]) => {
    const named = cells.map((cell, i) => [joinTexts([GAP, padText(names[i + 1]!, width)]), cell]);
    return [
      title,
      ...formatTable(
        "ll",
        named.filter(([, cell]) => columnsOf(cell!) > 0),
        { columns },
      ),
    ];
  });
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
