import { shown } from "../../host/base/printable.ts";
import type { ColourBits } from "./colours.ts";
import { screenColumns } from "./screen.ts";

const BAR_COLUMNS = 40;
const LEAST_BAR_COLUMNS = 8;
const NAME_COLUMNS = 24;
const MAX_LINES = 10;

/**
 * Draws class scores as bars from the least score (or 0, if all are above) to the greatest, the best marked. Of more than
 * ten classes the best ten are shown, best first. Classes without names are numbered.
 */
export function drawScores(scores: ArrayLike<number>, colours: ColourBits, classes?: readonly string[]): string[] {
  const all = Array.from(scores, (score, c) => ({ score, name: shown(classes?.[c] ?? String(c), NAME_COLUMNS) }));
  const ranked = all.toSorted((a, b) => b.score - a.score); // stable: the first among equals is the best
  const lines = all.length <= MAX_LINES ? all : ranked.slice(0, MAX_LINES);
  const low = Math.min(0, ranked.at(-1)?.score ?? 0);
  const high = ranked[0]?.score ?? 0;
  const nameColumns = Math.max(...lines.map(({ name }) => name.length));
  const decimals = all.every(({ score }) => Number.isInteger(score)) ? 0 : 3; // accumulators, or f32 scores
  const numbers = lines.map(({ score }) => score.toFixed(decimals));
  const numberColumns = Math.max(...numbers.map((number) => number.length));
  const room = screenColumns() - nameColumns - numberColumns - 6; // gaps, and the mark
  const barColumns = Math.max(LEAST_BAR_COLUMNS, Math.min(BAR_COLUMNS, room));
  return lines.map((entry, line) => {
    const length = high > low ? Math.round(((entry.score - low) / (high - low)) * barColumns) : 0;
    const bar = (colours === 0 ? "#" : "█").repeat(length);
    const text = `${entry.name.padStart(nameColumns)}  ${numbers[line]!.padStart(numberColumns)}  ${bar}`;
    return (entry === ranked[0] ? `${text} <` : text).trimEnd();
  });
}
