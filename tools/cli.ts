#!/usr/bin/env node
import { inspect } from "node:util";
import { type ArgsDef, type CommandDef, type CommandMeta, runCommand, type SubCommandsDef } from "citty";
import { TernError } from "../host/errors.ts";
import { asInputError } from "../host/file_errors.ts";
import { VERSION } from "../host/version.ts";
import { printErrors, printLines } from "./terminal/print.ts";
import { formatTable } from "./terminal/table.ts";
import { checkArguments, formatUsage, UsageError } from "./usage.ts";

const COMMANDS: SubCommandsDef = {
  convert: () => import("./commands/convert.ts").then((module) => module.default),
  repack: () => import("./commands/repack.ts").then((module) => module.default),
  inspect: () => import("./commands/inspect.ts").then((module) => module.default),
  run: () => import("./commands/run.ts").then((module) => module.default),
  eval: () => import("./commands/eval.ts").then((module) => module.default),
  verify: () => import("./commands/verify.ts").then((module) => module.default),
  fit: () => import("./commands/fit.ts").then((module) => module.default),
  firmware: () => import("./commands/firmware.ts").then((module) => module.default),
  doctor: () => import("./commands/doctor.ts").then((module) => module.default),
};

/** Exit codes beside 0: a wrong model, a failed proof or a bad file; and a wrong command line. */
const FAILED = 1;
const WRONG_USAGE = 2;

async function main([name, ...rawArgs]: string[]): Promise<void> {
  if (name === "--version" || name === "-v") return printLines([VERSION]);
  if (name === "--help" || name === "-h") return printLines((await formatCommands()).split("\n"));
  if (name === undefined) throw new UsageError("missing command", "", ...(await formatCommands()).split("\n"));
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new UsageError(`unknown command "${name}", expected one of ${Object.keys(COMMANDS).join(", ")}`);
  }
  const { command, args, description } = await find(name);
  const asked = rawArgs.slice(0, rawArgs.includes("--") ? rawArgs.indexOf("--") : undefined);
  if (asked.includes("--help") || asked.includes("-h"))
    return printLines(formatUsage(name, description, args).split("\n"));
  checkArguments(args, rawArgs);
  await runCommand(command, { rawArgs });
}

/** A command of the table; ours are plain objects, never functions of them as citty allows. */
async function find(name: string): Promise<{ command: CommandDef; args: ArgsDef; description: string }> {
  const command = await (COMMANDS[name] as () => Promise<CommandDef>)();
  const { description = "" } = command.meta as CommandMeta;
  return { command, args: command.args as ArgsDef, description };
}

async function formatCommands(): Promise<string> {
  const lines = await Promise.all(
    Object.keys(COMMANDS).map(async (name) => [`  ${name}`, (await find(name)).description]),
  );
  return [
    `Little Tern ${VERSION}: low-bit neural networks wherever WebAssembly runs`,
    "",
    "usage: tern COMMAND …",
    "",
    ...formatTable("ll", lines),
    "",
    "tern COMMAND --help says more about each; tern --version prints the version",
  ].join("\n");
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
