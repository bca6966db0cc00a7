import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { allCommands, COMMAND_NAMES } from "../../tools/commands.ts";
import { SHELLS, type Shell } from "../../tools/options/completion.ts";
import { scratch, ternHere } from "./tern.ts";

const { put } = scratch();
const commands = await allCommands();
const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

it.each(Object.keys(SHELLS) as Shell[])("prints the script for %s", async (shell) => {
  expect(await ternHere("completion", shell)).toEqual({ code: 0, stderr: "", stdout: `${SHELLS[shell](commands)}\n` });
});

it.each(Object.keys(SHELLS) as Shell[])("names every command and option for %s", (shell) => {
  const script = SHELLS[shell](commands);
  for (const { name, args } of commands) {
    expect(script).toMatch(new RegExp(`\\b${name}\\b`));
    const options = Object.entries(args).filter(([, { type }]) => type !== "positional");
    for (const [option] of options) expect(script).toMatch(shell === "fish" ? `-l ${option} ` : `--${option}`);
  }
});

it.each(Object.keys(SHELLS).filter(has))("is a script that %s can read", (shell) => {
  const file = put(`completion.${shell}`, SHELLS[shell as Shell](commands));
  const { status, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

describe.runIf(has("bash"))("in bash", () => {
  const script = put("littletern.bash", SHELLS.bash(commands));
  /** What is offered for the last of these words. */
  const offered = (...words: string[]) => {
    const list = ["littletern", ...words].map((word) => `'${word}'`).join(" ");
    const line = `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _littletern; echo "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });
    expect(stderr).toBe("");
    return stdout.trim().split(" ").filter(Boolean);
  };

  it("completes commands, options and values, and leaves files to the shell", () => {
    expect(offered("")).toEqual(COMMAND_NAMES);
    expect(offered("ins")).toEqual(["inspect"]);
    expect(offered("convert", "--in")).toEqual(["--input", "--input-scale", "--input-quant"]);
    expect(offered("convert", "x.onnx", "--for", "s")).toEqual(["storage"]);
    expect(offered("run", "--engine", "r")).toEqual(["reference"]);
    expect(offered("firmware", "--board", "m")).toEqual(["microbit", "mps2-an500"]);
    expect(offered("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(offered("help", "ver")).toEqual(["verify", "verify-signature", "version"]);
    expect(offered("inspect", "mod")).toEqual([]);
  });
});
