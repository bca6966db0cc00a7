import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { openTar } from "../../host/checkpoint/tar.ts";
import { readCheckpointFile } from "../../tools/files/checkpoints.ts";

const root = mkdtempSync(join(tmpdir(), "tern-checkpoints-"));
afterAll(() => rmSync(root, { recursive: true }));

it("a folder is an archive of its files, without what lies deeper", async () => {
  mkdirSync(join(root, "net", "hw"), { recursive: true });
  writeFileSync(join(root, "net", "hw", "config.h"), "no");
  writeFileSync(join(root, "net", "b"), "2");
  writeFileSync(join(root, "net", "a"), "1");
  const entries = openTar(await readCheckpointFile(join(root, "net")));
  expect([...entries].map(([name, file]) => [name, [...file.read()]])).toEqual([
    ["a", [0x31]],
    ["b", [0x32]],
  ]);
});

it("a file is itself, and one that is not there is refused", async () => {
  writeFileSync(join(root, "file"), "abc");
  expect(await readCheckpointFile(join(root, "file"))).toEqual(Uint8Array.of(97, 98, 99));
  await expect(readCheckpointFile(join(root, "none"))).rejects.toThrow(InputError);
});

it("too many files are refused", async () => {
  mkdirSync(join(root, "many"));
  for (let i = 0; i <= 4096; i++) writeFileSync(join(root, "many", `${i}`), "");
  await expect(readCheckpointFile(join(root, "many"))).rejects.toThrow("4097 files, expected a folder of at most 4096");
});
