import { defineCommand } from "citty";
import type { CommandList } from "../options/command.ts";
import { SHELLS, type Shell } from "../options/completion.ts";
import { UsageError } from "../options/usage.ts";
import { printLines } from "../terminal/print.ts";

export const EXAMPLE = "completion bash > littletern.bash";

export default (commands: CommandList) =>
  defineCommand({
    meta: { name: "completion", description: "Print what completes commands and options in a shell" },
    args: { shell: { type: "positional", required: true, description: "The shell", values: Object.keys(SHELLS) } },
    async run({ args: { shell } }) {
      if (!Object.hasOwn(SHELLS, shell)) {
        throw new UsageError(`shell "${shell}", expected one of ${Object.keys(SHELLS).join(", ")}`);
      }
      printLines(SHELLS[shell as Shell](await commands.all()).split("\n"));
    },
  });
