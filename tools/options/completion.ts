import type { Command } from "./command.ts";
import { type Argument, valuesOf } from "./usage.ts";

export type Shell = "bash" | "zsh" | "fish";

/** Scripts that complete the commands, options and values of both of our names, by shell. All else is completed as files are. */
export const SHELLS: Record<Shell, (commands: readonly Command[]) => string> = { bash, zsh, fish };

const NAMES = ["littletern", "tern"];

interface Option {
  /** "--out", and "-o" where there is a short form. */
  long: string;
  short?: string;
  /** What stands behind it: undefined where nothing does. */
  value?: string;
  values: readonly string[];
  about: string;
}

function optionsOf({ args }: Command): Option[] {
  const options = Object.entries(args).filter(([, { type }]) => type !== "positional") as [string, Argument][];
  return [
    ...options.map(([name, argument]) => ({
      long: `--${name}`,
      ...("alias" in argument && argument.alias && { short: `-${argument.alias}` }),
      ...(argument.type !== "boolean" && { value: argument.valueHint ?? "value" }),
      values: valuesOf(argument),
      about: firstLine(argument.description),
    })),
    { long: "--help", short: "-h", values: [], about: "Print help" },
  ];
}

/** Words that may stand as an argument itself, as the shells of `completion` do. */
function wordsOf({ args }: Command): readonly string[] {
  return Object.values(args).flatMap((argument) => (argument.type === "positional" ? valuesOf(argument) : []));
}

function firstLine(text = ""): string {
  return text.split("\n")[0]!;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function bash(commands: readonly Command[]): string {
  const ofCommand = (command: Command) => {
    const options = optionsOf(command);
    const flags = options.flatMap(({ long, short }) => [long, ...(short ? [short] : [])]);
    const cases = options.flatMap(({ long, short, value, values }) => {
      if (value === undefined) return [];
      return [`      ${[long, ...(short ? [short] : [])].join("|")}) words=${quoted(values.join(" "))} ;;`];
    });
    return [
      `  ${command.name})`,
      "    case $previous in",
      ...cases,
      `      *) words=${quoted(wordsOf(command).join(" "))}; [[ $current == -* ]] && words=${quoted(flags.join(" "))} ;;`,
      "    esac ;;",
    ];
  };
  return [
    "# Completion of littletern (tern) for bash, as `littletern completion bash` prints it.",
    "_littletern() {",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=""',
    "  if ((COMP_CWORD == 1)); then",
    `    words=${quoted(commands.map(({ name }) => name).join(" "))}`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash
    "  else case ${COMP_WORDS[1]} in",
    ...commands.flatMap(ofCommand),
    "  esac; fi",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    `complete -o default -F _littletern ${NAMES.join(" ")}`,
  ].join("\n");
}

function zsh(commands: readonly Command[]): string {
  const escaped = (text: string) => text.replaceAll(/[[\]:\\]/g, "\\$&");
  const spec = ({ long, short, value, values, about }: Option) => {
    const words = values.map(escaped).join(" ");
    const ending = value === undefined ? "" : `:${escaped(value)}:${values.length > 0 ? `(${words})` : "_files"}`;
    const names = short ? `{${long},${short}}` : long;
    return `${names}${quoted(`[${escaped(about)}]${ending}`)}`;
  };
  const ofCommand = (command: Command) => {
    const words = wordsOf(command);
    const rest = quoted(`*:argument:${words.length > 0 ? `(${words.join(" ")})` : "_files"}`);
    return [`    ${command.name})`, `      _arguments ${[...optionsOf(command).map(spec), rest].join(" ")} ;;`];
  };
  return [
    `#compdef ${NAMES.join(" ")}`,
    "# Completion of littletern (tern) for zsh, as `littletern completion zsh` prints it.",
    "_littletern() {",
    "  if ((CURRENT == 2)); then",
    "    local -a commands=(",
    ...commands.map(({ name, description }) => `      ${quoted(`${name}:${escaped(description)}`)}`),
    "    )",
    "    _describe command commands",
    "    return",
    "  fi",
    "  shift words",
    "  ((CURRENT--))",
    "  case $words[1] in",
    ...commands.flatMap(ofCommand),
    "  esac",
    "}",
    `compdef _littletern ${NAMES.join(" ")}`,
  ].join("\n");
}

function fish(commands: readonly Command[]): string {
  const ofCommand = (command: Command) => {
    const here = `complete -c $name -n '__fish_seen_subcommand_from ${command.name}'`;
    const options = optionsOf(command).map(({ long, short, value, values, about }) =>
      [
        `  ${here} -l ${long.slice(2)}`,
        ...(short ? [`-s ${short.slice(1)}`] : []),
        ...(value === undefined ? [] : values.length > 0 ? [`-x -a ${fishQuoted(values.join(" "))}`] : ["-r"]),
        `-d ${fishQuoted(about)}`,
      ].join(" "),
    );
    const words = wordsOf(command);
    return [...options, ...(words.length > 0 ? [`  ${here} -f -a ${fishQuoted(words.join(" "))}`] : [])];
  };
  return [
    "# Completion of littletern (tern) for fish, as `littletern completion fish` prints it.",
    `for name in ${NAMES.join(" ")}`,
    ...commands.map(
      ({ name, description }) =>
        `  complete -c $name -f -n __fish_use_subcommand -a ${name} -d ${fishQuoted(description)}`,
    ),
    ...commands.flatMap(ofCommand),
    "end",
  ].join("\n");
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
