import { defineCommand } from "citty";
import { InputError } from "../../host/base/errors.ts";
import { didYouMean } from "../../host/base/nearest.ts";
import { CODES, type Code } from "../codes.ts";
import { JSON_ARG } from "../options/json.ts";
import { printResult } from "../terminal/print.ts";
import { wrapText } from "../terminal/wrap.ts";

export const EXAMPLE = "explain 9";

export default defineCommand({
  meta: { name: "explain", description: "Say in words what a status or exit code means, and what to do" },
  args: {
    code: { type: "positional", required: false, description: "A number, or the name of a status; else all of them" },
    ...JSON_ARG,
  },
  run({ args }) {
    const found = args.code === undefined ? CODES : CODES.filter((entry) => isMeant(args.code!, entry));
    if (found.length === 0) {
      const names = CODES.flatMap(({ name }) => name ?? []);
      const meant = didYouMean(args.code!, names) || ",";
      throw new InputError(
        `"${args.code}" is no code of Little Tern${meant} expected a number or a name that \`npx littletern explain\` lists`,
      );
    }
    printResult(
      args.json,
      () => found,
      () => found.flatMap(format),
    );
  },
});

function isMeant(text: string, { code, name }: Code): boolean {
  return text === String(code) || text.toLowerCase() === name?.toLowerCase();
}

function format({ of, code, name, means, todo }: Code): string[] {
  return [
    ...wrapText(`${of} ${code}${name ? `, ${name}` : ""}`),
    ...wrapText(`  ${means[0]!.toUpperCase()}${means.slice(1)}.`, 80, "  "),
    ...wrapText(`  To do: ${todo}.`, 80, "  "),
    "",
  ];
}
