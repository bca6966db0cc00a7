import { stripVTControlCharacters } from "node:util";

const SCREEN_COLUMNS = 80;
const GAP = "   ";

/** Two blocks of lines side by side, the left one `leftColumns` wide; or one above the other where 80 columns are too few. */
export function placeBeside(left: readonly string[], leftColumns: number, right: readonly string[]): string[] {
  const rightColumns = Math.max(...right.map(columnsOf));
  if (leftColumns + GAP.length + rightColumns > SCREEN_COLUMNS) return [...left, ...right];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, i) => {
    const line = left[i] ?? "";
    return `${line}${" ".repeat(leftColumns - columnsOf(line))}${GAP}${right[i] ?? ""}`.trimEnd();
  });
}

/** Width on the screen, where escape sequences of colours take no room. */
function columnsOf(line: string): number {
  return stripVTControlCharacters(line).length;
}
