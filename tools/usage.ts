import { type ParseArgsConfig, parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { escapeText } from "../host/printable.ts";
import { formatTable } from "./terminal/table.ts";

/** A command line that makes no sense. The command ends with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";

  constructor(...lines: string[]) {
    super(lines.map(escapeText).join("\n"));
  }
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
    throw new UsageError((error as Error).message.split(/\. |\n/)[0]!); // what follows is advice about "--"
  }
}

/** A whole number from 1 on. Undefined stays. */
export function countOption(name: string, text: string | undefined, max = 2 ** 32 - 1): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= max) return count;
  throw new UsageError(`--${name} "${text}", expected a whole number from 1 to ${max}`);
}

/** What `tern NAME --help` prints. */
export function formatUsage(name: string, description: string, definitions: ArgsDef): string {
  const positional: string[][] = [];
  const options: string[][] = [["  -h, --help", "Print this"]];
  for (const [key, definition] of Object.entries(definitions)) {
    const [about = "", ...more] = definition.description?.split("\n") ?? [];
    if (definition.type === "positional") {
      positional.push([`  ${key.toUpperCase()}`, about]);
      continue;
    }
    const value = definition.valueHint ?? (definition.type === "enum" ? definition.options?.join("|") : undefined);
    const short = "alias" in definition && definition.alias ? `-${definition.alias}, ` : "    ";
    const note = definition.required ? " (required)" : definition.default ? ` (else ${definition.default})` : "";
    options.push([`  ${short}--${key}${value ? ` ${value}` : ""}`, about + note], ...more.map((line) => ["", line]));
  }
  const words = positional.map(([word]) => word!.trim());
  const head = [`tern ${name}: ${description}`, "", `usage: tern ${[name, ...words].join(" ")} [options]`, ""];
  return [
    ...head,
    ...formatTable("ll", positional),
    ...(positional.length > 0 ? [""] : []),
    ...formatTable("ll", options),
  ].join("\n");
}
