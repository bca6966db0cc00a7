#!/usr/bin/env node
import { inspect } from "node:util";
import { runCommand } from "citty";
import { TernError } from "../host/errors.ts";
import { asInputError } from "../host/file_errors.ts";
import { findCommand, formatCommands } from "./commands.ts";
import { printErrors } from "./terminal/print.ts";
import { checkArguments, UsageError } from "./usage.ts";

/** Exit codes beside 0: a wrong model, a failed proof or a bad file; and a wrong command line. */
const FAILED = 1;
const WRONG_USAGE = 2;

/** Options that are commands as well. */
const WORDS: Record<string, string> = { "--version": "version", "-v": "version", "--help": "help", "-h": "help" };

async function main([first, ...rest]: string[]): Promise<void> {
  if (first === undefined) throw new UsageError("missing command", "", ...(await formatCommands()));
  const { name, command, args } = await findCommand(Object.hasOwn(WORDS, first) ? WORDS[first]! : first);
  const asked = rest.slice(0, rest.includes("--") ? rest.indexOf("--") : undefined);
  if (asked.includes("--help") || asked.includes("-h")) return main(["help", name]);
  checkArguments(args, rest);
  await runCommand(command, { rawArgs: rest });
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(); // `tern … | head` has read enough
  printErrors([`tern: ${asInputError(error, "the standard output cannot be written").message}`]);
  process.exit(FAILED);
});
process.stderr.on("error", () => {}); // then nobody can be told

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError || error instanceof TernError) {
    printErrors(`tern: ${error.message}`.split("\n"));
    process.exitCode = error instanceof UsageError ? WRONG_USAGE : FAILED;
  } else {
    printErrors([...inspect(error).split("\n"), "tern: this is a bug of Little Tern; please report it"]);
    process.exitCode = FAILED;
  }
}
