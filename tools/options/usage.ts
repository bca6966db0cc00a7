import { type ParseArgsConfig, parseArgs } from "node:util";
import type { ArgDef, ArgsDef } from "citty";
import { didYouMean } from "../../host/base/nearest.ts";
import { escapeText } from "../../host/base/printable.ts";
import { VERSION } from "../../host/base/version.ts";
import { formatTable } from "../terminal/table.ts";
import { wrapText } from "../terminal/wrap.ts";
import type { Command } from "./command.ts";

/** A command line that makes no sense. The command ends with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";

  constructor(...lines: string[]) {
    super(lines.map(escapeText).join("\n"));
  }
}

/** How a person without an installation starts the program. */
const PROGRAM = "npx littletern";

/** The same words, where a negative number behind an option is its value: `--mean -0.1` becomes `--mean=-0.1`, which is not taken for another option. */
export function joinNegativeNumbers(definitions: ArgsDef, rawArgs: readonly string[]): string[] {
  const words: string[] = [];
  let isOption = true; // until "--"
  for (const word of rawArgs) {
    const name = words.at(-1)?.match(/^--(.+)$/)?.[1];
    if (word === "--") isOption = false;
    const takesValue = name !== undefined && Object.hasOwn(definitions, name) && definitions[name]!.type === "string";
    if (isOption && takesValue && /^-\.?\d/.test(word)) words[words.length - 1] += `=${word}`;
    else words.push(word);
  }
  return words;
}

/** Checks what citty lets pass or words differently: unknown options, options without a value, missing or surplus arguments. */
export function checkArguments(definitions: ArgsDef, rawArgs: readonly string[]): void {
  const entries = Object.entries(definitions);
  const positional = entries.filter(([, { type }]) => type === "positional");
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, definition] of entries) {
    if (definition.type === "positional") continue;
    options[name] = { type: definition.type === "boolean" ? "boolean" : "string" };
    if ("alias" in definition && typeof definition.alias === "string") options[name].short = definition.alias;
  }
  const { values, positionals } = parseStrictly([...rawArgs], options);

  const missing = positional[positionals.length];
  if (missing && missing[1].required !== false) throw new UsageError(`missing argument ${missing[0].toUpperCase()}`);
  if (positionals.length > positional.length) {
    throw new UsageError(`unexpected argument "${positionals[positional.length]}"`);
  }
  for (const [name, definition] of entries) {
    const value = values[name];
    if (definition.type !== "positional" && definition.required && value === undefined) {
      throw new UsageError(`missing option --${name}`);
    }
    if (definition.type === "enum" && value !== undefined && !definition.options?.includes(String(value))) {
      throw new UsageError(`--${name} "${value}", expected one of ${definition.options?.join(", ")}`);
    }
  }
}

function parseStrictly(args: string[], options: NonNullable<ParseArgsConfig["options"]>) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const [what] = (error as Error).message.split(/\. |\n/) as [string]; // what follows is advice about "--"
    const [, unknown] = what.match(/^Unknown option '--?([^']+)'$/) ?? [];
    throw new UsageError(what + (unknown ? didYouMean(unknown, Object.keys(options)).replace(/"(.*)"/, "--$1") : ""));
  }
}

/** A whole number from 1 on. Undefined stays. */
export function countOption(name: string, text: string | undefined, max = 2 ** 32 - 1): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= max) return count;
  throw new UsageError(`--${name} "${text}", expected a whole number from 1 to ${max}`);
}

/** A whole number from 0 on, decimal or as 0x…: an address, or bytes. Undefined stays. */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^(\d+|0x[0-9a-f]+)$/i.test(text) && number < 2 ** 32) return number;
  throw new UsageError(`--${name} "${text}", expected a whole number below 2^32, decimal or as 0x1000`);
}

/** What `parse` makes of options; UsageError, with their names, where it refuses. */
export function checked<T>(options: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${options}: ${(error as Error).message}`);
  }
}

/** An argument of a command, and the values that it takes where they are known but others may be given, too. */
export type Argument = ArgDef & { values?: readonly string[] };

/** The values that an argument takes. */
export function valuesOf(argument: Argument): readonly string[] {
  return argument.values ?? (argument.type === "enum" ? (argument.options ?? []) : []);
}

/** Up to so many columns of values stand behind the name of an option; more, below its description. */
const SHORT_VALUES = 20;
const COLUMNS = 80;

/** What `littletern help` prints. */
export function formatCommands(commands: readonly Command[]): string[] {
  return [
    `Little Tern ${VERSION}: low-bit neural networks wherever WebAssembly runs`,
    "",
    `usage: ${PROGRAM} COMMAND … (installed: tern COMMAND …)`,
    "",
    ...formatTable(
      "ll",
      commands.map(({ name, description }) => [`  ${name}`, description]),
    ),
    "",
    `${PROGRAM} help COMMAND says more about each.`,
    "In place of a file, - is standard input or output.",
  ];
}

/** What `littletern help NAME` prints. */
export function formatUsage({ name, description, args, example }: Command): string[] {
  const positional: Line[] = [];
  const options: Line[] = [["  -h, --help", "Print this"]];
  for (const [key, argument] of Object.entries(args) as [string, Argument][]) {
    const about = argument.description ?? "";
    const values = valuesOf(argument);
    const isShort = values.join("|").length <= SHORT_VALUES && argument.type === "enum";
    const list = values.length > 0 && !isShort ? [`one of ${values.join(", ")}`] : [];
    if (argument.type === "positional") {
      positional.push([`  ${key.toUpperCase()}`, about, ...list]);
      continue;
    }
    const value =
      argument.valueHint ?? (isShort ? values.join("|") : values.length > 0 ? key.toUpperCase() : undefined);
    const short = "alias" in argument && argument.alias ? `-${argument.alias}, ` : "    ";
    const note = argument.required ? " (required)" : argument.default ? ` (else ${argument.default})` : "";
    options.push([`  ${short}--${key}${value ? ` ${value}` : ""}`, about + note, ...list]);
  }
  const words = positional.map(([word]) => word!.trim());
  return [
    ...wrapText(`${PROGRAM} ${name}: ${description}`, COLUMNS, "  "),
    "",
    `usage: ${PROGRAM} ${[name, ...words].join(" ")} [options]`,
    "",
    ...formatLines(positional),
    ...(positional.length > 0 ? [""] : []),
    ...formatLines(options),
    "",
    ...continued(`example: ${PROGRAM} ${example}`),
  ];
}

/** A command line within the screen, as a shell reads it. */
function continued(line: string): string[] {
  const lines = wrapText(line, COLUMNS - 2, "  ");
  return lines.map((part, i) => (i < lines.length - 1 ? `${part} \\` : part));
}

/** A word, and paragraphs about it. */
type Line = [string, ...string[]];

/** Words in a column, and beside them what is said of each, within the screen. */
function formatLines(lines: Line[]): string[] {
  const width = Math.max(0, ...lines.map(([word]) => word.length)) + 2;
  return lines.flatMap(([word, ...paragraphs]) => {
    const texts = paragraphs.flatMap((text) => text.split("\n")).flatMap((text) => wrapText(text, COLUMNS - width, ""));
    return texts.map((text, i) => (i === 0 ? word : "").padEnd(width) + text);
  });
}
