#!/usr/bin/env node
import { runCommand } from "citty";
import { TernError } from "../host/errors.ts";
import { findCommand, formatCommands } from "./commands.ts";
import { checkArguments, UsageError } from "./usage.ts";

/** Exit codes beside 0: a wrong model, a failed proof or a bad file; and a wrong command line. */
const FAILED = 1;
const WRONG_USAGE = 2;

/** Options that are commands as well. */
const WORDS: Record<string, string> = { "--version": "version", "-v": "version", "--help": "help", "-h": "help" };

async function main([first, ...rest]: string[]): Promise<void> {
  if (first === undefined) throw new UsageError(`missing command\n\n${await formatCommands()}`);
  const { name, command, args } = await findCommand(Object.hasOwn(WORDS, first) ? WORDS[first]! : first);
  const asked = rest.slice(0, rest.includes("--") ? rest.indexOf("--") : undefined);
  if (asked.includes("--help") || asked.includes("-h")) return main(["help", name]);
  checkArguments(args, rest);
  await runCommand(command, { rawArgs: rest });
}
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(); // `tern … | head` has read enough
});

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`tern: ${error.message}`);
    process.exitCode = WRONG_USAGE;
  } else {
    console.error(error instanceof TernError ? `tern: ${error.message}` : error);
    if (!(error instanceof TernError)) console.error("tern: this is a bug of Little Tern; please report it");
    process.exitCode = FAILED;
  }
}
