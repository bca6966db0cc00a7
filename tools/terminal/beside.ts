import { columnsOf, joinTexts, padText, type Text, trimText } from "./paint.ts";
import { screenColumns } from "./screen.ts";

const MAX_COLUMNS = 80;
const GAP = "   ";

/** Two blocks of lines side by side, the left one `leftColumns` wide; or one above the other where the screen, or 80 columns, are too few. */
export function placeBeside(
  left: readonly Text[],
  leftColumns: number,
  right: readonly Text[],
  columns: number = Math.min(MAX_COLUMNS, screenColumns()),
): Text[] {
  const rightColumns = Math.max(...right.map(columnsOf));
  if (leftColumns + GAP.length + rightColumns > columns) return [...left, ...right];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, i) => {
    return trimText(joinTexts([padText(left[i] ?? "", leftColumns), GAP, right[i] ?? ""]));
  });
}
