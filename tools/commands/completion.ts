import { defineCommand } from "citty";
import { allCommands } from "../commands.ts";
import { SHELLS, type Shell } from "../options/completion.ts";
import { UsageError } from "../options/usage.ts";
import { printLines } from "../terminal/print.ts";

export const EXAMPLE = "completion bash > littletern.bash";

export default defineCommand({
  meta: { name: "completion", description: "Print what completes commands and options in a shell" },
  args: { shell: { type: "positional", required: true, description: "The shell", values: Object.keys(SHELLS) } },
  async run({ args }) {
    if (!Object.hasOwn(SHELLS, args.shell)) {
      throw new UsageError(`shell "${args.shell}", expected one of ${Object.keys(SHELLS).join(", ")}`);
    }
    printLines(SHELLS[args.shell as Shell](await allCommands()).split("\n"));
  },
});
