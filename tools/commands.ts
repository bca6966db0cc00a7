import type { ArgsDef, CommandDef, CommandMeta } from "citty";
import { VERSION } from "../host/base/version.ts";
import { didYouMean } from "./options/nearest.ts";
import { UsageError } from "./options/usage.ts";
import { formatTable } from "./terminal/table.ts";

/** A file of commands/. */
interface CommandModule {
  // biome-ignore lint/suspicious/noExplicitAny: the arguments of each command are types of its own
  default: CommandDef<any>;
  /** A command line, without the name of the program. */
  EXAMPLE: string;
}

/** All commands, each read when it is asked for. */
const COMMANDS: Record<string, () => Promise<CommandModule>> = {
  convert: () => import("./commands/convert.ts"),
  repack: () => import("./commands/repack.ts"),
  inspect: () => import("./commands/inspect.ts"),
  run: () => import("./commands/run.ts"),
  eval: () => import("./commands/eval.ts"),
  verify: () => import("./commands/verify.ts"),
  build: () => import("./commands/build.ts"),
  fit: () => import("./commands/fit.ts"),
  firmware: () => import("./commands/firmware.ts"),
  doctor: () => import("./commands/doctor.ts"),
  explain: () => import("./commands/explain.ts"),
  completion: () => import("./commands/completion.ts"),
  help: () => import("./commands/help.ts"),
  version: () => import("./commands/version.ts"),
};

export const COMMAND_NAMES = Object.keys(COMMANDS);

export interface Command {
  name: string;
  command: CommandDef;
  /** Plain objects, never functions of them as citty allows. */
  args: ArgsDef;
  description: string;
  example: string;
}

/** A command by its name. Throws UsageError, with the name that may have been meant. */
export async function findCommand(name: string): Promise<Command> {
  if (!Object.hasOwn(COMMANDS, name)) {
    const expected = `expected one of ${COMMAND_NAMES.join(", ")}`;
    throw new UsageError(`unknown command "${name}"${didYouMean(name, COMMAND_NAMES) || ","} ${expected}`);
  }
  const { default: command, EXAMPLE } = await COMMANDS[name]!();
  const { description = "" } = command.meta as CommandMeta;
  return { name, command, args: command.args as ArgsDef, description, example: EXAMPLE };
}

export function allCommands(): Promise<Command[]> {
  return Promise.all(COMMAND_NAMES.map(findCommand));
}

/** What `littletern help` prints. */
export async function formatCommands(): Promise<string[]> {
  const lines = (await allCommands()).map(({ name, description }) => [`  ${name}`, description]);
  return [
    `Little Tern ${VERSION}: low-bit neural networks wherever WebAssembly runs`,
    "",
    "usage: npx littletern COMMAND … (installed: tern COMMAND …)",
    "",
    ...formatTable("ll", lines),
    "",
    "npx littletern help COMMAND says more about each.",
    "In place of a file, - is standard input or output.",
  ];
}
