import { defineCommand } from "citty";
import type { CommandList } from "../options/command.ts";
import { formatCommands, formatUsage } from "../options/usage.ts";
import { printLines } from "../terminal/print.ts";

export const EXAMPLE = "help convert";

export default (commands: CommandList) =>
  defineCommand({
    meta: { name: "help", description: "List the commands, or say more about one" },
    args: {
      command: { type: "positional", required: false, description: "A command", values: [...commands.names] },
    },
    async run({ args: { command } }) {
      printLines(
        command === undefined ? formatCommands(await commands.all()) : formatUsage(await commands.find(command)),
      );
    },
  });
