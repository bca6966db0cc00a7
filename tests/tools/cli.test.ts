import { describe, expect, it } from "vitest";
import { VERSION } from "../../host/version.ts";
import { scratch, tern, ternWith } from "./tern.ts";

const COMMANDS = ["convert", "repack", "inspect", "run", "eval", "verify", "doctor"];
const { put, path } = scratch();

describe("tern", () => {
  it("says its version", () => {
    expect(tern("--version")).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  it("lists its commands", () => {
    const { code, stdout } = tern("--help");
    expect(code).toBe(0);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(tern()).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("usage: tern COMMAND") });
  });

  it.each(COMMANDS)("%s --help fits a screen of 80 columns", (name) => {
    const { code, stdout } = tern(name, "--help");
    expect(code).toBe(0);
    expect(stdout).toContain(`usage: tern ${name}`);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each([
    [["paint"], 'unknown command "paint", expected one of convert, repack, inspect'],
    [["toString"], 'unknown command "toString"'],
    [["inspect"], "missing argument MODEL"],
    [["inspect", "a", "b"], 'unexpected argument "b"'],
    [["inspect", "a", "--colour"], "Unknown option '--colour'"],
    [["inspect", "a", "--no-json"], "Unknown option '--no-json'"],
    [["inspect", "a", "-x"], "Unknown option '-x'"],
    [["inspect", "a", "--json=yes"], "Option '--json' does not take an argument"],
    [["convert", "a"], "missing option --out"],
    [["convert", "a", "-o"], "Option '-o, --out <value>' argument missing"],
    [["convert", "a", "-o", "b", "--input", "u16"], '--input "u16", expected one of u8, i8, i16, f32'],
    [["convert", "a", "-o", "b", "--input-scale", "1/0"], 'scale "1/0", expected a number other than 0 or a quotient'],
    [["convert", "a", "-o", "b", "--mean", "0.5,x"], 'mean "x", expected a number, or one for each channel'],
    [["convert", "a", "-o", "b", "--std", ""], 'deviation "", expected a number'],
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
    [["verify", "a", "b", "--limit", "many"], '--limit "many", expected a whole number'],
  ])("refuses %j as wrong usage", (args, message) => {
    const { code, stdout, stderr } = tern(...args);
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
    ["an empty file", put("empty", ""), "blob, byte "],
  ])("says in one line what is wrong with %s", (_, file, message) => {
    const { code, stdout, stderr } = tern("inspect", file);
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
