import { describe, expect, it } from "vitest";
import { VERSION } from "../../host/base/version.ts";
import { COMMAND_NAMES, findCommand } from "../../tools/commands.ts";
import { checkArguments, formatUsage } from "../../tools/options/usage.ts";
import { scratch, ternHere, ternWith } from "./tern.ts";

const COMMANDS = COMMAND_NAMES;
const { put, path } = scratch();

describe("tern", () => {
  it.each(["version", "--version", "-v"])("says its version: %s", async (word) => {
    expect(await ternHere(word)).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  it("lists its commands", async () => {
    const { code, stdout } = await ternHere("help");
    expect(code).toBe(0);
    for (const option of ["--help", "-h"]) expect((await ternHere(option)).stdout).toBe(stdout);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(await ternHere()).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("usage: npx littletern COMMAND"),
    });
  });

  it.each(COMMANDS)("help %s fits a screen of 80 columns and ends with an example", async (name) => {
    const stdout = formatUsage(await findCommand(name)).join("\n");
    expect(stdout).toContain(`usage: npx littletern ${name}`);
    expect(stdout).toMatch(new RegExp(`\\nexample: npx littletern ${name}([^\\n]* \\\\\\n  )*[^\\n]*$`));
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each([
    ["run", "--weights", "resident|streaming"],
    ["run", "--engine", "one of v8, wasmtime, reference, device:lm3s6965evb"],
    ["convert", "--for", "one of any, storage, browser, x86, arm64,"],
    ["fit", "--runtime", "one of wasm2c, wasm3, wamr"],
    ["fit", "--board", "one of all, lm3s6965evb, microbit"],
    ["firmware", "--module", "one of core_ternary, core,"],
  ])("help of %s says what %s takes", async (name, option, values) => {
    const usage = formatUsage(await findCommand(name)).join("\n");
    const behind = usage.slice(usage.indexOf(`${option} `));
    expect(behind.slice(0, behind.indexOf("--", 2)).replaceAll(/\s+/g, " ")).toContain(values);
  });

  it("says it at every way to ask", async () => {
    const help = await ternHere("help", "run");
    expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("usage: npx littletern run") });
    for (const args of [
      ["run", "--help"],
      ["run", "a", "-h"],
    ])
      expect(await ternHere(...args)).toEqual(help);
  });

  it.each(COMMANDS)("has an example of %s that its own arguments accept", async (name) => {
    const { args, example } = await findCommand(name);
    const [first, ...rest] = example.replace(/ > .*/, "").split(" ");
    expect(first).toBe(name);
    expect(() => checkArguments(args, rest)).not.toThrow();
  });

  it.each([
    ["covert", "convert"],
    ["insepct", "inspect"],
    ["verfiy", "verify"],
    ["firm", "firmware"],
    ["Eval", "eval"],
  ])("suggests the nearest command for %s", async (typed, meant) => {
    await expect(findCommand(typed)).rejects.toThrow(
      `unknown command "${typed}", did you mean "${meant}"? expected one of`,
    );
  });

  it.each([
    [["paint"], 'unknown command "paint", expected one of convert, arch, repack, inspect'],
    [["toString"], 'unknown command "toString"'],
    [["inspect"], "missing argument MODEL"],
    [["inspect", "a", "b"], 'unexpected argument "b"'],
    [["inspect", "a", "--colour"], "Unknown option '--colour'"],
    [["run", "a", "b", "--proflie"], "Unknown option '--proflie', did you mean --profile?"],
    [["completion", "tcsh"], 'shell "tcsh", expected one of bash, zsh, fish'],
    [["inspect", "a", "--no-json"], "Unknown option '--no-json'"],
    [["inspect", "a", "-x"], "Unknown option '-x'"],
    [["inspect", "a", "--json=yes"], "Option '--json' does not take an argument"],
    [["convert", "a"], "missing option --out"],
    [["convert", "a", "-o"], "Option '-o, --out <value>' argument missing"],
    [["convert", "a", "-o", "b", "--input", "u16"], '--input "u16", expected one of u8, i8, i16, f32'],
    [
      ["convert", "a", "-o", "b", "--input-scale", "1/0"],
      '--input-scale, --mean and --std: scale "1/0", expected a number other than 0 or a quotient',
    ],
    [
      ["convert", "a", "-o", "b", "--mean", "0.5,x"],
      '--input-scale, --mean and --std: mean "x", expected a number, or one for each channel',
    ],
    [["convert", "a", "-o", "b", "--std", ""], '--input-scale, --mean and --std: deviation "", expected a number'],
    [["convert", "a", "-o", "b", "--max-rows", "0"], '--max-rows "0", expected a whole number from 1 to 1048576'],
    [["convert", "a", "-o", "b", "--model-version", "1.5"], '--model-version "1.5", expected a whole number'],
    [["convert", "a", "-o", "b", "--input-quant", "bits=8"], "the scale is no positive number"],
    [["convert", "a", "-o", "./a"], "--out is the checkpoint itself"],
    [
      ["convert", "a", "-o", "b", "--for", "x87"],
      '--for "x87", expected one of any, storage, browser, x86, arm64, cortex-m0, cortex-m3, cortex-m4, cortex-m7, cortex-m0:wasm3, cortex-m3:wasm3, cortex-m4:wasm3, cortex-m7:wasm3, rv32, rv32:wasm3',
    ],
    [["repack", "a", "-o", "b"], "missing option --for"],
    [["repack", "a", "-o", "b", "--for", "toString"], '--for "toString", expected one of any, storage'],
    [["repack", "a", "-o", "./a", "--for", "any"], "--out is the model itself"],
    [["run", "a", "b", "--engine", "v9"], '--engine "v9", expected one of v8, wasmtime, reference, device:BOARD'],
    [["run", "a", "b", "--weights", "flash"], '--weights "flash", expected one of resident, streaming'],
    [["run", "a", "b", "-o", "b"], "--out is the input itself"],
    [["eval", "a", "--images", "b"], "missing option --labels"],
    [["flash", "a", "--to", "hex:b", "--address", "0"], "missing option --slot-size"],
    [
      ["flash", "a", "--to", "hex:b", "--address", "x", "--slot-size", "8192", "--erase-unit", "4096"],
      '--address "x", expected a whole number below 2^32, decimal or as 0x1000',
    ],
    [["verify", "a", "b", "--limit", "many"], '--limit "many", expected a whole number'],
    [["verify", "a", "b", "--limit", "-5"], '--limit "-5", expected a whole number'],
    [["verify", "a", "b", "--json", "-5"], "Unknown option '-5'"],
  ])("refuses %j as wrong usage", async (args, message) => {
    const { code, stdout, stderr } = await ternHere(...args);
    expect(stderr).toContain(`tern: ${message}`.replace("tern: the scale", "the scale"));
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it.each([
    ["a missing file", path("nothing"), "no such file or folder"],
    ["a folder", path("."), "is a directory, expected a file"],
    [
      "what is no blob",
      put("text", "no blob at all, but long enough to have a header: 0123456789abcdef"),
      "blob, byte ",
    ],
    ["an empty file", put("empty", ""), "is an empty file, expected a blob of Little Tern"],
  ])("says in one line what is wrong with %s", async (_, file, message) => {
    const { code, stdout, stderr } = await ternHere("inspect", file);
    expect(stderr).toMatch(/^tern: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("prints the report of doctor as JSON", () => {
    const { code, stdout } = ternWith({ TERN_WASMTIME: "nowhere" }, "doctor", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout).engines[0].name).toBe("v8");
  });
});
