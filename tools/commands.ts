import type { ArgsDef, CommandDef, CommandMeta } from "citty";
import { didYouMean } from "../host/base/nearest.ts";
import type { Command, CommandList } from "./options/command.ts";
import { UsageError } from "./options/usage.ts";

// biome-ignore lint/suspicious/noExplicitAny: the arguments of each command are types of its own
type Definition = CommandDef<any>;

/** A file of commands/. One that speaks of the other commands is given their list: it cannot import what imports it. */
interface CommandModule {
  default: Definition | ((commands: CommandList) => Definition);
  /** A command line, without the name of the program. */
  EXAMPLE: string;
}

/** All commands, each read when it is asked for. */
const COMMANDS: Record<string, () => Promise<CommandModule>> = {
  convert: () => import("./commands/convert.ts"),
  arch: () => import("./commands/arch.ts"),
  repack: () => import("./commands/repack.ts"),
  inspect: () => import("./commands/inspect.ts"),
  run: () => import("./commands/run.ts"),
  eval: () => import("./commands/eval.ts"),
  verify: () => import("./commands/verify.ts"),
  build: () => import("./commands/build.ts"),
  train: () => import("./commands/train.ts"),
  fit: () => import("./commands/fit.ts"),
  firmware: () => import("./commands/firmware.ts"),
  keygen: () => import("./commands/keygen.ts"),
  sign: () => import("./commands/sign.ts"),
  "verify-signature": () => import("./commands/verify_signature.ts"),
  flash: () => import("./commands/flash.ts"),
  slots: () => import("./commands/slots.ts"),
  rollback: () => import("./commands/rollback.ts"),
  dump: () => import("./commands/dump.ts"),
  doctor: () => import("./commands/doctor.ts"),
  explain: () => import("./commands/explain.ts"),
  completion: () => import("./commands/completion.ts"),
  help: () => import("./commands/help.ts"),
  version: () => import("./commands/version.ts"),
};

export const COMMAND_NAMES = Object.keys(COMMANDS);

/** A command by its name. Throws UsageError, with the name that may have been meant. */
export async function findCommand(name: string): Promise<Command> {
  if (!Object.hasOwn(COMMANDS, name)) {
    const expected = `expected one of ${COMMAND_NAMES.join(", ")}`;
    throw new UsageError(`unknown command "${name}"${didYouMean(name, COMMAND_NAMES) || ","} ${expected}`);
  }
  const { default: definition, EXAMPLE } = await COMMANDS[name]!();
  const command = typeof definition === "function" ? definition(LIST) : definition;
  const { description = "" } = command.meta as CommandMeta;
  return { name, command, args: command.args as ArgsDef, description, example: EXAMPLE };
}

export function allCommands(): Promise<Command[]> {
  return Promise.all(COMMAND_NAMES.map(findCommand));
}

const LIST: CommandList = { names: COMMAND_NAMES, find: findCommand, all: allCommands };
