import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InputError } from "../host/errors.ts";
import { readFile, writeFileAtomic } from "../tools/files.ts";
import { bundleForNode } from "./bundle.ts";

const onLinux = process.platform === "linux"; // signals, ulimit and /dev/full

let root: string;
let folder: string; // a fresh one for each test
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "tern-files-"));
});
beforeEach(() => {
  folder = mkdtempSync(join(root, "test-"));
});
afterAll(() => rmSync(root, { recursive: true }));

describe("readFile", () => {
  it("reads a file", async () => {
    writeFileSync(join(folder, "a"), "abc");
    expect(await readFile(join(folder, "a"))).toEqual(Uint8Array.of(97, 98, 99));
  });

  it("refuses what it cannot read, with the path and the reason", async () => {
    const path = join(folder, "a");
    await expect(readFile(path)).rejects.toThrow(new InputError(`${path}: cannot be read: no such file or folder`));
    await expect(readFile(folder)).rejects.toThrow(new InputError(`${folder}: is a directory, expected a file`));
    writeFileSync(path, "abc");
    await expect(readFile(path, 2)).rejects.toThrow(new InputError(`${path}: 3 bytes, expected at most 2`));
    const below = join(path, "b");
    await expect(readFile(below)).rejects.toThrow(`${below}: cannot be read: part of the path is not a folder`);
  });

  it.runIf(onLinux)("refuses a device", async () => {
    await expect(readFile("/dev/zero")).rejects.toThrow(
      new InputError("/dev/zero: is a device or pipe, expected a file"),
    );
  });
});

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

  it.runIf(onLinux)("writes into a device, which a rename would replace", async () => {
    await writeFileAtomic("/dev/null", Uint8Array.of(1));
    const full = "/dev/full: cannot be written: no space left on the disk";
    await expect(writeFileAtomic("/dev/full", Uint8Array.of(1))).rejects.toThrow(new InputError(full));
  });
});

describe.runIf(onLinux)("writeFileAtomic, in a program of its own", () => {
  let program: string;
  beforeAll(async () => {
    program = join(root, "program.mjs");
    const source = `
      import { writeFileAtomic } from ${JSON.stringify(join(import.meta.dirname, "..", "tools", "files.ts"))};
      try {
        await writeFileAtomic(process.argv[2], new Uint8Array(Number(process.argv[3])));
        console.log("written");
      } catch (error) {
        console.log(String(error));
      }`;
    writeFileSync(join(root, "source.ts"), source);
    await bundleForNode(join(root, "source.ts"), program);
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
