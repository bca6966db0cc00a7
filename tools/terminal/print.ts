import { escapeJson, shorten } from "../../host/base/printable.ts";
import { reportStream } from "../files/stdio.ts";
import { printable, type Text } from "./paint.ts";
import { screenColumns } from "./screen.ts";
import { wrapText } from "./wrap.ts";

// All that a command says goes through here, so that nothing out of a file steers the terminal.

/** Longer lines than that no person reads. */
const MAX_LINE = 4096;

/** Prints lines, escaped, and on a terminal wrapped to its width. */
export function printLines(lines: readonly Text[]): void {
  if (lines.length === 0) return;
  const stream = reportStream();
  const columns = screenColumns(stream);
  const fitted = lines.flatMap((line) => {
    const text = printable(line);
    return typeof line === "string" ? wrapText(shorten(text, MAX_LINE), columns) : [text];
  });
  stream.write(`${fitted.join("\n")}\n`);
}

/** Prints lines on the standard error output, escaped. */
export function printErrors(lines: readonly string[]): void {
  process.stderr.write(`${lines.map((line) => shorten(printable(line), MAX_LINE)).join("\n")}\n`);
}

/** Prints what a command found: with --json as one document, else as lines for people, if there are any. */
export function printResult(json: boolean | undefined, result: () => unknown, lines: () => readonly Text[]): void {
  if (json) reportStream().write(`${formatJson(result())}\n`);
  else printLines(lines());
}

/** JSON in which typed arrays are arrays and whole numbers are numbers, those beyond 2^53 texts; a terminal may be shown it. */
export function formatJson(result: unknown): string {
  return escapeJson(JSON.stringify(result, plain, 2));
}

function plain(_: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Uint8Array);
  if (typeof value !== "bigint") return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}
