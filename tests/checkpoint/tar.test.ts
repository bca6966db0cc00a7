import { expect, it } from "vitest";
import { CheckpointError } from "../../host/base/errors.ts";
import { openTar, writeTar } from "../../host/checkpoint/tar.ts";
import { hostile } from "./hostile.ts";

const FILES = new Map([
  ["b/weights", Uint8Array.of(1, 2, 3)],
  ["a", new Uint8Array(512).fill(7)],
  ["empty", new Uint8Array(0)],
]);
const TAR = writeTar(FILES);

it("what is written is read, in the order of names", () => {
  const entries = openTar(TAR);
  expect([...entries.keys()]).toEqual(["a", "b/weights", "empty"]);
  for (const [name, file] of entries) {
    expect(file.read()).toEqual(FILES.get(name));
    expect(file.start(2)).toEqual(FILES.get(name)!.subarray(0, 2));
  }
});

it("depends on names and bytes alone", () => {
  expect(writeTar(new Map([...FILES].reverse()))).toEqual(TAR);
});

/** The archive with text at a byte of its first header, whose checksum is made right. */
function edited(at: number, text: string): Uint8Array {
  const tar = TAR.slice();
  tar.set(new TextEncoder().encode(text), at);
  tar.fill(0x20, 148, 156);
  const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  tar.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return tar;
}

it("a prefix stands before a name", () => {
  expect([...openTar(edited(345, "folder")).keys()][0]).toBe("folder/a");
});

it.each<[string, Uint8Array, string]>([
  ["a checksum of another header", TAR.with(0, 99), "tar, byte 0: a header with checksum"],
  ["a size beyond the end", edited(124, "77777777777"), "needs 8589934591 bytes"],
  ["a size in base 256", edited(124, "\u0080"), "expected octal digits"],
  ["a link", edited(156, "2"), '"a" is of type "2", expected a file or a folder'],
  ["a long name of GNU", edited(156, "L"), 'of type "L"'],
  ["a name twice", edited(0, "empty"), 'two files named "empty"'],
  ["a cut archive", TAR.subarray(0, -1024), "needs 512 bytes, but 0 are left"],
  ["one that is cut between its last blocks", TAR.subarray(0, -512), "needs 512 bytes, but 0 are left"],
  ["one block of zeros among others", TAR.with(TAR.length - 1, 7), "one block of zeros, expected two"],
])("%s is refused", (_, bytes, why) => {
  expect(() => openTar(bytes)).toThrow(CheckpointError);
  expect(() => openTar(bytes)).toThrow(why);
});

it("remarks are left out, and refused where they name a file", () => {
  const remark = (text: string) => {
    const tar = edited(156, "x");
    tar.fill(0, 512, 1024).set(new TextEncoder().encode(text), 512);
    return tar;
  };
  expect([...openTar(remark("20 mtime=1700000000\n")).keys()]).toEqual(["b/weights", "empty"]);
  expect(() => openTar(remark("20 path=somewhere\n"))).toThrow('a pax record with "path"');
  expect(() => openTar(remark("20 size=99999\n"))).toThrow('a pax record with "size"');
});

it("names that no header holds are not written", () => {
  expect(() => writeTar(new Map([["é".repeat(51), new Uint8Array(0)]]))).toThrow(
    "a name of 102 bytes, expected at most 100",
  );
});

hostile("tar", TAR, (bytes) => {
  for (const file of openTar(bytes).values()) file.read();
});
