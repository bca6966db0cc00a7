import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { describe, expect, it } from "vitest";
import { describeUnless } from "../skip.ts";
import { CLI, DIGITS, digitsBlob, scratch, smallBlob, TEN, tern } from "./tern.ts";

const { path, put } = scratch();
const checkpoint = put("c.onnx", readFileSync(DIGITS));
const model = put("m.tern", await digitsBlob());
const both = put("both.tern", await smallBlob("both"));
const samples = put("x.npy", readFileSync(TEN));
symlinkSync("c.onnx", path("lc.tern"));
symlinkSync("m.tern", path("lm.tern"));
symlinkSync("x.npy", path("lx.npy"));
linkSync(samples, path("hx.npy"));
symlinkSync(".", path("here"));

describe("no command writes over what it reads", () => {
  it.each<[string[], string]>([
    [["convert", checkpoint, "-o", path("lc.tern")], "checkpoint"],
    [["convert", path("lc.tern"), "-o", checkpoint], "checkpoint"],
    [["convert", checkpoint, "-o", path("here/c.onnx")], "checkpoint"],
    [["repack", model, "-o", path("lm.tern"), "--for", "storage"], "model"],
    [["run", model, samples, "-o", model], "model"],
    [["run", model, samples, "-o", path("lm.tern")], "model"],
    [["run", model, samples, "-o", path("lx.npy")], "input"],
    [["run", model, samples, "-o", path("hx.npy")], "input"],
  ])("%j", (args, what) => {
    const before = [checkpoint, model, samples].map((file) => readFileSync(file));
    expect(tern(...args)).toEqual({ code: 2, stdout: "", stderr: `tern: --out is the ${what} itself\n` });
    expect([checkpoint, model, samples].map((file) => readFileSync(file))).toEqual(before);
  });

  it("one of several outputs", () => {
    symlinkSync("both.tern", path("y.1.npy"));
    const four = put("four.npy", readFileSync(TEN)); // read after the outputs are known
    const { code, stderr } = tern("run", both, four, "-o", path("y.npy"));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `tern: --out: ${path("y.1.npy")} is the model itself\n`,
    });
    expect(existsSync(path("y.0.npy"))).toBe(false);
  });

  it("a folder for C that holds the model under a name of ours", () => {
    mkdirSync(path("lib/src"), { recursive: true });
    copyFileSync(model, path("lib/src/tern.c"));
    const { code, stderr } = tern("firmware", path("lib/src/tern.c"), "--library", "-o", path("lib"));
    expect(code).toBe(2);
    expect(stderr).toContain(`tern: --out: ${path("lib/src/tern.c")} is the model itself`);
    expect(readdirSync(path("lib"), { recursive: true })).toEqual(["src", "src/tern.c"]);
  });
});

describe("tern firmware", () => {
  it("refuses a file, and a folder that is read-only", () => {
    const file = put("file", "old");
    const refused = tern("firmware", model, "--library", "-o", file);
    expect(refused).toEqual({ code: 1, stdout: "", stderr: `tern: ${file}: is a file, expected a folder\n` });
    mkdirSync(path("locked/src"), { recursive: true });
    put("locked/src/tern.h", "mine");
    chmodSync(path("locked/src/tern.h"), 0o444);
    const { code, stderr } = tern("firmware", model, "--library", "-o", path("locked"));
    const where = path("locked/src/tern.h");
    expect({ code, stderr }).toEqual({ code: 1, stderr: `tern: ${where}: cannot be written: it is read-only\n` });
    expect(readdirSync(path("locked"), { recursive: true })).toEqual(["src", "src/tern.h"]);
  });

  it("leaves nothing where it has no leave to write", () => {
    if (process.getuid?.() === 0) return; // who may write everywhere; the next test has another reason to fail
    mkdirSync(path("closed"));
    chmodSync(path("closed"), 0o555);
    const { code, stderr } = tern("firmware", model, "--library", "-o", path("closed/lib"));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("permission denied") });
  });

  it.runIf(process.platform === "linux")("says that there is no place, and leaves none of its files", () => {
    const { code, stderr } = tern("firmware", model, "--library", "-o", "/proc/tern");
    expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 1, lines: 2 });
    expect(stderr).toMatch(/^tern: \/proc\/tern.*: cannot be written: no such file or folder/);
  });
});

it("keeps the mode of a blob that it replaces", () => {
  const out = put("mode.tern", "old");
  chmodSync(out, 0o600);
  expect(tern("convert", checkpoint, "-o", out).code).toBe(0);
  expect(statSync(out).mode & 0o777).toBe(0o600);
  chmodSync(out, 0o400);
  expect(tern("convert", checkpoint, "-o", out).stderr).toBe(`tern: ${out}: cannot be written: it is read-only\n`);
  rmSync(out, { force: true });
});

describe.runIf(process.platform === "linux")("a standard output that is full", () => {
  it.each([
    ["--help"],
    ["--version"],
    ["inspect", "--help"],
    ["inspect", model],
    ["inspect", model, "--json"],
    ["run", model, samples],
    ["convert", checkpoint, "-o", path("full.tern")],
  ])("ends with an error: %j", (...args) => {
    const script = 'exec "$@" > /dev/full';
    const { status, stderr } = spawnSync("sh", ["-c", script, "sh", process.execPath, CLI, ...args], {
      encoding: "utf8",
    });
    expect(stderr).toBe("tern: the standard output cannot be written: no space left on the disk\n");
    expect(status).toBe(1);
  });

  it("is no error where a reader has had enough", () => {
    const script = '"$@" --json | head -c 10 > /dev/null';
    const { status, stderr } = spawnSync("sh", ["-c", script, "sh", process.execPath, CLI, "inspect", model], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

/** The file of a disk that no machine has, where the user may make one. */
const disk = path("disk");
const made = spawnSync("mknod", [disk, "b", "259", "4095"]).status === 0;
describeUnless(made ? undefined : "making a device needs root", "a disk", () => {
  it("is not written to", () => {
    const { code, stderr } = tern("repack", model, "-o", disk, "--for", "storage");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tern: ${disk}: is a disk, which would lose what it holds; expected a file\n`,
    });
  });
});
