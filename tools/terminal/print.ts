import { printText } from "../stdio.ts";

/** Prints what a command found: with --json as one document, else as lines for people, if there are any. */
export function printResult(json: boolean | undefined, result: () => unknown, lines: () => readonly string[]): void {
  const text = json ? [JSON.stringify(result(), null, 2)] : lines();
  if (text.length > 0) printText(text.join("\n"));
}
