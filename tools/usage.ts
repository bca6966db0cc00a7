import { type ParseArgsConfig, parseArgs } from "node:util";
import type { ArgsDef } from "citty";

/** A command line that makes no sense. The command ends with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
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
  if (missing) throw new UsageError(`missing argument ${missing[0].toUpperCase()}`);
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
    throw new UsageError((error as Error).message.split(/\. |\n/)[0]); // what follows is advice about "--"
  }
}

/** A whole number of at least 1. Undefined stays. */
export function countOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count < 2 ** 32) return count;
  throw new UsageError(`--${name} "${text}", expected a whole number from 1 to 4294967295`);
}
