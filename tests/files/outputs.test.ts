import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { temporaryName } from "../../host/base/leftovers.ts";
import { checkOutputs, writeFileAtomic, writeFilesAtomic, writeFolderAtomic } from "../../tools/files/outputs.ts";
import { UsageError } from "../../tools/options/usage.ts";
import { bundleForNode } from "../bundle.ts";

const onLinux = process.platform === "linux"; // signals, ulimit and /dev/full

let root: string;
let folder: string; // a fresh one for each test
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "tern-outputs-"));
});
beforeEach(() => {
  folder = mkdtempSync(join(root, "test-"));
});
afterAll(() => rmSync(root, { recursive: true }));

describe("writeFileAtomic", () => {
  it("writes a file, replaces it, and leaves nothing else", async () => {
    for (const text of ["first", "second, longer", "3"]) {
      await writeFileAtomic(join(folder, "out"), new TextEncoder().encode(text));
      expect(readFileSync(join(folder, "out"), "utf8")).toBe(text);
    }
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  it("refuses what it cannot write, and leaves nothing", async () => {
    const bytes = Uint8Array.of(1);
    const missing = join(folder, "missing", "out");
    await expect(writeFileAtomic(missing, bytes)).rejects.toThrow(
      new InputError(`${missing}: cannot be written: no such file or folder`),
    );
    await expect(writeFileAtomic(folder, bytes)).rejects.toThrow(
      new InputError(`${folder}: is a directory, expected a file to write`),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it("writes through a symbolic link", async () => {
    mkdirSync(join(folder, "far"));
    writeFileSync(join(folder, "far", "out"), "old");
    symlinkSync(join(folder, "far", "out"), join(folder, "link"));
    await writeFileAtomic(join(folder, "link"), new TextEncoder().encode("new"));
    expect(readFileSync(join(folder, "far", "out"), "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["far", "link"]);
  });

  it("writes where a symbolic link to nothing leads, and keeps the link", async () => {
    mkdirSync(join(folder, "far"));
    symlinkSync("far/out", join(folder, "link"));
    symlinkSync("link", join(folder, "link2"));
    await writeFileAtomic(join(folder, "link2"), new TextEncoder().encode("new"));
    expect(readFileSync(join(folder, "far", "out"), "utf8")).toBe("new");
    symlinkSync("circle", join(folder, "circle"));
    await expect(writeFileAtomic(join(folder, "circle"), Uint8Array.of(1))).rejects.toThrow(InputError);
    expect(readdirSync(folder)).toEqual(["circle", "far", "link", "link2"]);
  });

  it("keeps the permissions of what it replaces", async () => {
    const path = join(folder, "out");
    for (const mode of [0o600, 0o640, 0o755, 0o666]) {
      writeFileSync(path, "old");
      chmodSync(path, mode);
      await writeFileAtomic(path, Uint8Array.of(1));
      expect(statSync(path).mode & 0o777).toBe(mode);
    }
    const umask = process.umask();
    await writeFileAtomic(join(folder, "new"), Uint8Array.of(1));
    expect(statSync(join(folder, "new")).mode & 0o777).toBe(0o666 & ~umask);
  });

  it("refuses a read-only file, whoever asks", async () => {
    const path = join(folder, "out");
    writeFileSync(path, "old");
    chmodSync(path, 0o444);
    const refusal = new InputError(`${path}: cannot be written: it is read-only`);
    await expect(writeFileAtomic(path, Uint8Array.of(1))).rejects.toThrow(refusal);
    const other = join(folder, "other");
    const both = [other, path].map((each) => ({ path: each, bytes: Uint8Array.of(1) }));
    await expect(writeFilesAtomic(both)).rejects.toThrow(refusal);
    expect(existsSync(other)).toBe(false);
    expect(readFileSync(path, "utf8")).toBe("old");
  });

  it("removes what killed processes have left, and nothing else", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const named = (id: number) => temporaryName().replace(`-${process.pid}-`, `-${id}-`);
    const gone = [named(pid), named(pid)];
    const kept = [
      named(process.ppid), // alive
      temporaryName(), // our own
      named(pid).replace(/tern-[0-9a-f]{8}/, "tern-00000000"), // of another machine
      named(pid).replace(".tern-", ".fern-"),
      "out.tmp",
    ];
    for (const name of [...gone, ...kept]) writeFileSync(join(folder, name), "part of a file");
    rmSync(join(folder, gone[0]!));
    mkdirSync(join(folder, gone[0]!));
    writeFileSync(join(folder, gone[0]!, "file"), "in a folder");
    await writeFileAtomic(join(folder, "out"), Uint8Array.of(1));
    expect(readdirSync(folder).sort()).toEqual([...kept, "out"].sort());
  });

  it.runIf(onLinux)("writes into a device, which a rename would replace", async () => {
    await writeFileAtomic("/dev/null", Uint8Array.of(1));
    const full = "/dev/full: cannot be written: no space left on the disk";
    await expect(writeFileAtomic("/dev/full", Uint8Array.of(1))).rejects.toThrow(new InputError(full));
  });
});

describe("checkOutputs", () => {
  it("knows an input by any path, and by what links lead to", () => {
    const at = (name: string) => join(folder, name);
    mkdirSync(at("sub"));
    writeFileSync(at("in"), "input");
    linkSync(at("in"), at("hard"));
    symlinkSync("in", at("soft"));
    symlinkSync("soft", at("softer"));
    symlinkSync(".", at("here"));
    for (const path of ["in", "sub/../in", "hard", "soft", "softer", "here/in", "here/here/soft"]) {
      const refusal = new UsageError("--out is the model itself");
      expect(() => checkOutputs([at(path)], { model: at("in") }), path).toThrow(refusal);
      expect(() => checkOutputs([at("in")], { input: undefined, model: at(path) }), path).toThrow(refusal);
    }
    for (const path of ["out", "sub/in", "here/out"]) checkOutputs([at(path)], { model: at("in") });
    expect(() => checkOutputs([at("out"), at("hard")], { model: at("in") })).toThrow(
      `--out: ${at("hard")} is the model`,
    );
  });

  it("compares places where nothing is yet", () => {
    symlinkSync(".", join(folder, "here"));
    symlinkSync("nothing", join(folder, "dangling"));
    for (const path of ["nothing", "here/nothing", "dangling", "no/../nothing"]) {
      expect(() => checkOutputs([join(folder, path)], { model: join(folder, "nothing") })).toThrow(UsageError);
    }
    checkOutputs([join(folder, "missing/nothing")], { model: join(folder, "nothing") });
  });

  it("refuses two outputs in one file", () => {
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    checkOutputs([a, b], {});
    symlinkSync("a", b);
    expect(() => checkOutputs([a, b], {})).toThrow(`--out: ${b} is the file of another output, too`);
    checkOutputs(["/dev/null", "/dev/null"], {});
  });
});

describe("writeFolderAtomic", () => {
  const FILES = { "a.c": "int a;", "sub/b.bin": Uint8Array.of(1, 2) };

  it("makes the folder, and leaves alone what is the same already", async () => {
    const out = join(folder, "new", "out");
    await writeFolderAtomic(out, FILES);
    expect(readFileSync(join(out, "a.c"), "utf8")).toBe("int a;");
    expect(Array.from(readFileSync(join(out, "sub", "b.bin")))).toEqual([1, 2]);
    utimesSync(join(out, "a.c"), 1, 1);
    await writeFolderAtomic(out, { ...FILES, "sub/b.bin": Uint8Array.of(3) });
    expect(statSync(join(out, "a.c")).mtimeMs).toBe(1000);
    expect(Array.from(readFileSync(join(out, "sub", "b.bin")))).toEqual([3]);
    expect(readdirSync(out)).toEqual(["a.c", "sub"]);
  });

  it("refuses what is no folder, what is read-only and what is an input, and leaves all as it was", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "old");
    await expect(writeFolderAtomic(file, FILES)).rejects.toThrow(
      new InputError(`${file}: is a file, expected a folder`),
    );
    await expect(writeFolderAtomic(join(file, "in"), FILES)).rejects.toThrow("part of the path is not a folder");

    const out = join(folder, "out");
    mkdirSync(out);
    writeFileSync(join(out, "z.c"), "old");
    chmodSync(join(out, "z.c"), 0o444);
    await expect(writeFolderAtomic(out, { ...FILES, "z.c": "new" })).rejects.toThrow("it is read-only");
    symlinkSync("../file", join(out, "a.c"));
    await expect(writeFolderAtomic(out, FILES, { model: file })).rejects.toThrow("is the model itself");
    expect(readdirSync(out)).toEqual(["a.c", "z.c"]);
    expect(readFileSync(file, "utf8")).toBe("old");
  });

  it("is content where the input is what it would write", async () => {
    const model = join(folder, "model.tern");
    writeFileSync(model, "model");
    await writeFolderAtomic(folder, { "model.tern": "model", "a.c": "" }, { model });
    expect(readdirSync(folder)).toEqual(["a.c", "model.tern"]);
  });
});

describe.runIf(onLinux)("outputs, in a program of its own", () => {
  let program: string;
  beforeAll(async () => {
    program = join(root, "program.mjs");
    await bundleForNode(join(import.meta.dirname, "write_outputs.ts"), program);
  });

  it("keeps the old file and removes its own where the disk is full", () => {
    const path = join(folder, "out");
    writeFileSync(path, "old");
    // files may have 8 blocks; the signal that would end the program is ignored, so that the write fails instead
    const script = 'trap "" XFSZ; ulimit -f 8; exec "$@"';
    const { stdout } = spawnSync("sh", ["-c", script, "sh", process.execPath, program, path, "100000"], {
      encoding: "utf8",
    });
    expect(stdout).toBe(`InputError: ${path}: cannot be written: larger than files may be here\n`);
    expect(readdirSync(folder)).toEqual(["out"]);
    expect(readFileSync(path, "utf8")).toBe("old");
  });

  it.each(["out", "new", "new/out"])("leaves a folder %s as it was where the disk is full", (name) => {
    const path = join(folder, name);
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "out", "old"), "old");
    const script = 'trap "" XFSZ; ulimit -f 8; exec "$@"';
    const args = ["-c", script, "sh", process.execPath, program, path, "100000", "folder"];
    const { stdout } = spawnSync("sh", args, { encoding: "utf8" });
    expect(stdout).toBe(`InputError: ${join(path, "c/d")}: cannot be written: larger than files may be here\n`);
    expect(readdirSync(folder, { recursive: true })).toEqual(["out", "out/old"]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("keeps the old file and removes its own on %s", async (signal) => {
    const path = join(folder, "out");
    writeFileSync(path, "old");
    const child = spawn(process.execPath, [program, path, String(2 ** 28)], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", (_, by) => resolve(by)));
    while (readdirSync(folder).length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill(signal);
    expect(await ended).toBe(signal);
    expect(readdirSync(folder)).toEqual(["out"]);
    expect(existsSync(path) && readFileSync(path, "utf8")).toBe("old");
  });
});
