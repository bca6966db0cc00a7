#!/usr/bin/env node
import { stripVTControlCharacters } from "node:util";
import { type CommandDef, defineCommand, renderUsage, runCommand, type SubCommandsDef } from "citty";
import { TernError } from "../host/errors.ts";
import { VERSION } from "../host/version.ts";
import { colourBits } from "./terminal/colours.ts";
import { checkArguments, UsageError } from "./usage.ts";

const COMMANDS: SubCommandsDef = {
  convert: () => import("./commands/convert.ts").then((module) => module.default),
  inspect: () => import("./commands/inspect.ts").then((module) => module.default),
  run: () => import("./commands/run.ts").then((module) => module.default),
  eval: () => import("./commands/eval.ts").then((module) => module.default),
  verify: () => import("./commands/verify.ts").then((module) => module.default),
  doctor: () => import("./commands/doctor.ts").then((module) => module.default),
};

const TERN = defineCommand({
  meta: { name: "tern", version: VERSION, description: "Low-bit neural networks wherever WebAssembly runs" },
  subCommands: COMMANDS,
});

/** Exit codes beside 0: a wrong model, a failed proof or a bad file; and a wrong command line. */
const FAILED = 1;
const WRONG_USAGE = 2;

async function main([name, ...rawArgs]: string[]): Promise<void> {
  if (name === "--version" || name === "-v") return console.log(VERSION);
  if (name === "--help" || name === "-h") return console.log(await usage(TERN));
  if (name === undefined) throw new UsageError(`missing command\n\n${await usage(TERN)}`);
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new UsageError(`unknown command "${name}", expected one of ${Object.keys(COMMANDS).join(", ")}`);
  }
  const command = await (COMMANDS[name] as () => Promise<CommandDef>)();
  if (rawArgs.includes("--help") || rawArgs.includes("-h")) return console.log(await usage(command, TERN));
  checkArguments((command.args ?? {}) as Parameters<typeof checkArguments>[0], rawArgs);
  await runCommand(command, { rawArgs });
}

async function usage(command: CommandDef, parent?: CommandDef): Promise<string> {
  const text = await renderUsage(command, parent);
  return colourBits(process.stdout, process.env) === 0 ? stripVTControlCharacters(text) : text;
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
