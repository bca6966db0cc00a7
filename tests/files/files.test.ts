import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { readFile } from "../../tools/files/files.ts";

const onLinux = process.platform === "linux"; // /dev/zero

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
