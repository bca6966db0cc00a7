import { defineCommand } from "citty";
import { COMMAND_NAMES, findCommand, formatCommands } from "../commands.ts";
import { formatUsage } from "../options/usage.ts";
import { printLines } from "../terminal/print.ts";

export const EXAMPLE = "help convert";

export default defineCommand({
  meta: { name: "help", description: "List the commands, or say more about one" },
  args: { command: { type: "positional", required: false, description: "A command", values: COMMAND_NAMES } },
  async run({ args }) {
    printLines(args.command === undefined ? await formatCommands() : formatUsage(await findCommand(args.command)));
  },
});
