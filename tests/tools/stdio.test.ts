import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { expect, it } from "vitest";
import { CLI, DIGITS, digitsBlob, IMAGES, LABELS, scratch, TEN } from "./tern.ts";

const { put, path } = scratch();
const blob = Buffer.from(await digitsBlob());
const model = put("digits.tern", blob);

/** Runs a command with bytes at its standard input. */
function piped(input: Uint8Array, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    input,
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { code: status, stdout, text: stdout.toString(), stderr: stderr.toString() };
}

it("converts from a pipe to a pipe: the blob to standard output, the report to standard error", async () => {
  const { code, stdout, stderr } = piped(readFileSync(DIGITS), "convert", "-", "-o", "-", "--name", "digits");
  expect(code).toBe(0);
  expect(stdout.subarray(0, 4).toString()).toBe("TERN");
  expect(stderr).toMatch(/^standard input → standard output\n/);
  const json = piped(readFileSync(DIGITS), "convert", "-", "-o", "-", "--json");
  expect(json.stdout.subarray(0, 4).toString()).toBe("TERN");
  expect(JSON.parse(json.stderr).blobBytes).toBe(json.stdout.length);
});

it("repacks from a pipe to a pipe", () => {
  const packed = piped(blob, "repack", "-", "-o", "-", "--for", "storage");
  expect(packed.code).toBe(0);
  expect(piped(packed.stdout, "repack", "-", "-o", "-", "--for", "any").stdout.equals(blob)).toBe(true);
});

it.each([
  ["inspect -", blob, ["inspect", "-"], /^model {4}digits,/],
  ["run -", blob, ["run", "-", TEN], /^row 0\n/m],
  ["run … -", readFileSync(TEN), ["run", model, "-"], /^row 0\n/m],
  ["eval --images -", readFileSync(IMAGES), ["eval", model, "--images", "-", "--labels", LABELS], /^100\.00 % right/m],
  ["eval --labels -", readFileSync(LABELS), ["eval", model, "--images", IMAGES, "--labels", "-"], /^100\.00 % right/m],
  ["verify -", blob, ["verify", "-", DIGITS, "--limit", "8"], /^8 samples/m],
  ["verify … -", readFileSync(DIGITS), ["verify", model, "-", "--limit", "8"], /^8 samples/m],
])("%s reads standard input", (_, input, args, output) => {
  const { code, text, stderr } = piped(input, ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(text).toMatch(output);
});

it("writes outputs of rows to standard output, in their file's format", () => {
  const { code, stdout } = piped(blob, "run", "-", TEN, "-o", "-");
  expect(code).toBe(0);
  const file = path("scores.npy");
  expect(piped(blob, "run", "-", TEN, "-o", file).code).toBe(0);
  expect(stdout.equals(readFileSync(file))).toBe(true);
  expect(existsSync("-")).toBe(false);
});

it("calls it standard input in messages", () => {
  expect(piped(readFileSync(DIGITS), "inspect", "-").stderr).toMatch(
    /^tern: standard input: is an ONNX file, expected a blob/,
  );
  expect(piped(Buffer.from("hello"), "run", model, "-").stderr).toMatch(/^tern: standard input: begins with 68 65 6c/);
  expect(piped(Buffer.alloc(0), "inspect", "-").stderr).toMatch(
    /^tern: standard input: is an empty file, expected a blob/,
  );
});

it("reads it once", () => {
  const { code, stderr } = piped(blob, "verify", "-", "-");
  expect(stderr).toBe('tern: "-" stands for two files, and there is one standard input\n');
  expect(code).toBe(2);
});

/** `script` of util-linux gives a program a terminal. */
const hasScript = spawnSync("script", ["--version"]).status === 0;

it.runIf(hasScript)("neither reads a terminal nor writes binary data to one", () => {
  const onTerminal = (...args: string[]) => {
    const line = [process.execPath, CLI, ...args].join(" ");
    return spawnSync("script", ["-qec", line, "/dev/null"], { encoding: "utf8", timeout: 30_000 }).stdout;
  };
  expect(onTerminal("convert", DIGITS, "-o", "-")).toMatch(
    /^tern: standard output is a terminal, expected a file or a pipe/,
  );
  expect(onTerminal("inspect", "-")).toMatch(/^tern: standard input is a terminal, expected a file or a pipe/);
  expect(statSync(model).size).toBe(blob.length);
});
