import { styleText } from "node:util";
import { escapeText } from "../../host/base/printable.ts";
import { hasColours } from "./colours.ts";

/** Text with escape sequences of ours, to be printed as it is. Whatever is a string is escaped before it is printed. */
export class Painted {
  readonly text: string;
  /** Width on the screen. */
  readonly columns: number;

  constructor(text: string, columns: number) {
    this.text = text;
    this.columns = columns;
  }
}

/** What can be printed. */
export type Text = string | Painted;

/** A word of a verdict: green for what is well, red for what is wrong, yellow for what lacks. Plain where the standard output has no colours. */
export function paint(colour: "green" | "red" | "yellow", word: string): Text {
  if (!hasColours(process.stdout, process.env)) return word;
  return new Painted(styleText(colour, escapeText(word), { validateStream: false }), columnsOf(word));
}

/** Width on the screen. */
export function columnsOf(text: Text): number {
  return typeof text === "string" ? text.length : text.columns;
}

/** Texts one after the other. */
export function joinTexts(parts: readonly Text[], separator = ""): Text {
  if (parts.every((part) => typeof part === "string")) return parts.join(separator);
  const columns = parts.reduce((sum, part) => sum + columnsOf(part), separator.length * (parts.length - 1));
  return new Painted(parts.map(printable).join(separator), columns);
}

/** Text up to a width, with spaces behind it, or before it. */
export function padText(text: Text, columns: number, side: "before" | "behind" = "behind"): Text {
  const spaces = " ".repeat(Math.max(0, columns - columnsOf(text)));
  return joinTexts(side === "behind" ? [text, spaces] : [spaces, text]);
}

/** Without spaces at its end. */
export function trimText(text: Text): Text {
  if (typeof text === "string") return text.trimEnd();
  const trimmed = text.text.trimEnd();
  return new Painted(trimmed, text.columns - (text.text.length - trimmed.length));
}

/** What goes to the terminal. */
export function printable(text: Text): string {
  return typeof text === "string" ? escapeText(text) : text.text;
}
