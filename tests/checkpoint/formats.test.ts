import { expect, it } from "vitest";
import { CheckpointError } from "../../host/base/errors.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";

const text = (s: string): number[] => Array.from(s, (c) => c.charCodeAt(0));

/** Kinds that `--arch` makes networks of. */
const WEIGHTS = ["a GGUF file", "a NumPy array", "a Python pickle", "a safetensors file"];

it.each<[string, number[]]>([
  ["an empty file", []],
  ["a Python pickle", [0x80, 2, 0x63]],
  ["a blob of Little Tern", text("TERN\x01\0\0\0")],
  ["a GGUF file", text("GGUF\x03\0\0\0")],
  ["a NumPy array", text("\x93NUMPY\x01\0")],
  ["a safetensors file", [...text("\x40\0\0\0\0\0\0\0"), ...text('{"w":{}}')]],
  ["a pointer of Git LFS", text("version https://git-lfs.github.com/spec/v1\n")],
  ["an HTML page", text("<!DOCTYPE html><html>")],
])("%s is named", (format, bytes) => {
  const read = () => readCheckpoint(Uint8Array.from(bytes));
  expect(read).toThrow(CheckpointError);
  expect(read).toThrow(`found ${format}`);
  expect(read).toThrow(WEIGHTS.includes(format) ? "which has weights and no graph" : "expected ONNX");
});

it("an archive and an HDF5 file are read, to tell what they hold", () => {
  expect(() => readCheckpoint(Uint8Array.from(text("PK\x03\x04\x14")))).toThrow("the archive is cut, or none");
  expect(() => readCheckpoint(Uint8Array.of(0x1f, 0x8b, 8))).toThrow("gzip, byte 0: needs 4 bytes");
  expect(() => readCheckpoint(Uint8Array.from(text("\x89HDF\r\n\x1a\n\0")))).toThrow("HDF5, byte 9: needs");
});

it("other bytes are no ONNX file either", () => {
  expect(() => readCheckpoint(Uint8Array.from(text("hello, world")))).toThrow(CheckpointError);
  expect(() => readCheckpoint(Uint8Array.of(0x08, 7))).toThrow("no graph");
});
