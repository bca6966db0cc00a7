import type { ArgsDef, CommandDef } from "citty";

/** A command, with what its help and its completion say. */
export interface Command {
  name: string;
  command: CommandDef;
  /** Plain objects, never functions of them as citty allows. */
  args: ArgsDef;
  description: string;
  /** A command line, without the name of the program. */
  example: string;
}

/** What a command that speaks of the others is given. */
export interface CommandList {
  names: readonly string[];
  /** Throws UsageError, with the name that may have been meant. */
  find(name: string): Promise<Command>;
  all(): Promise<Command[]>;
}
