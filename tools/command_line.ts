import { inspect } from "node:util";
import { runCommand } from "citty";
import { TernError, UpdateError, type UpdateFailure } from "../host/base/errors.ts";
import { allCommands, findCommand } from "./commands.ts";
import { checkArguments, formatCommands, joinNegativeNumbers, UsageError } from "./options/usage.ts";
import { printErrors } from "./terminal/print.ts";

/** Exit codes beside 0: a wrong model, a failed proof or a bad file; and a wrong command line. */
export const FAILED = 1;
const WRONG_USAGE = 2;
/** Of an update of a device. */
const REFUSED = 3;
const BROKEN_OFF = 4;
const REJECTED = 5;
const STOPPED = 6;
const NO_DEVICE = 7;

const UPDATE_CODES: Record<UpdateFailure, number> = {
  refused: REFUSED,
  "broken off": BROKEN_OFF,
  rejected: REJECTED,
  stopped: STOPPED,
  "no device": NO_DEVICE,
};

/** Options that are commands as well. */
const WORDS: Record<string, string> = { "--version": "version", "-v": "version", "--help": "help", "-h": "help" };

/** Runs a command line, without the name of the program. What is wrong is said on the standard error output, and sets the exit code. */
export async function runLine(words: string[]): Promise<void> {
  try {
    await run(words);
  } catch (error) {
    if (error instanceof UsageError || error instanceof TernError) {
      printErrors(`tern: ${error.message}`.split("\n"));
      process.exitCode = exitCodeOf(error);
    } else {
      printErrors([...inspect(error).split("\n"), "tern: this is a bug of Little Tern; please report it"]);
      process.exitCode = FAILED;
    }
  }
}

function exitCodeOf(error: UsageError | TernError): number {
  if (error instanceof UpdateError) return UPDATE_CODES[error.kind];
  return error instanceof UsageError ? WRONG_USAGE : FAILED;
}

async function run([first, ...rest]: string[]): Promise<void> {
  if (first === undefined) throw new UsageError("missing command", "", ...formatCommands(await allCommands()));
  const { name, command, args } = await findCommand(Object.hasOwn(WORDS, first) ? WORDS[first]! : first);
  const asked = rest.slice(0, rest.includes("--") ? rest.indexOf("--") : undefined);
  if (asked.includes("--help") || asked.includes("-h")) return run(["help", name]);
  const words = joinNegativeNumbers(args, rest);
  checkArguments(args, words);
  await runCommand(command, { rawArgs: words });
}
