import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { fileKind, KIND_BYTES } from "../../host/base/file_kind.ts";
import { makeKeys } from "../../host/flash/signature.ts";
import { readModel } from "../../tools/files/models.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { projectFiles, readBytes } from "../house/project_files.ts";
import { DIGITS, digitsBlob, LABELS, scratch, smallCheckpoint, TEN, ternHere } from "./tern.ts";

const { path, put } = scratch();
const blob = await digitsBlob();
const model = put("digits.tern", blob);
const onnx = put("network", readFileSync(DIGITS)); // told by its bytes: a name says nothing
const damaged = put("damaged.tern", blob.with(700, blob[700]! ^ 1));
const out = path("out");

const keys = makeKeys();
const KEY = put("k", keys.privatePem);
put("k.pub", keys.publicPem);
const SLOT = ["--address", "0", "--slot-size", "0x10000", "--erase-unit", "4096"];

const FILES = {
  "an ONNX file": onnx,
  "a blob of Little Tern": model,
  "a NumPy array": TEN,
  "a gzip archive": LABELS,
  "a WebAssembly module": "build/scalar.wasm",
  "an empty file": put("nothing", ""),
  "JSON text": "package.json",
};

const onModel = (file: string): [string, string[]][] => [
  ["inspect", ["inspect", file]],
  ["run", ["run", file, TEN]],
  ["eval", ["eval", file, "--images", TEN, "--labels", LABELS]],
  ["verify", ["verify", file, DIGITS]],
  ["repack", ["repack", file, "-o", out, "--for", "any"]],
  ["fit", ["fit", file]],
  ["firmware", ["firmware", file, "--library", "-o", out]],
  ["sign", ["sign", file, "--key", KEY, "-o", out]],
  ["verify-signature", ["verify-signature", file, "--key", `${KEY}.pub`]],
  ["flash", ["flash", file, "--to", `bin:${out}`, ...SLOT]],
];

it.each(onModel(onnx))("%s says that a checkpoint is no blob, and what to do", async (_, args) => {
  const { code, stdout, stderr } = await ternHere(...args);
  expect(stderr).toBe(
    `tern: ${onnx}: is an ONNX file, expected a blob of Little Tern; convert it first: npx littletern convert ${onnx} -o model.tern\n`,
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
});

it.each(Object.entries(FILES).filter(([, file]) => file !== onnx && file !== model))(
  "%s is no blob",
  async (kind, file) => {
    await expect(readModel(file)).rejects.toThrow(
      new InputError(`${file}: is ${kind}, expected a blob of Little Tern`),
    );
  },
);

it.each(onModel(damaged))("%s names a damaged blob", async (_, args) => {
  const { code, stderr } = await ternHere(...args);
  expect(stderr).toMatch(`tern: ${damaged}: blob, byte `);
  expect(code).toBe(1);
});

it.each([
  ["convert", ["convert", model, "-o", out]],
  ["verify", ["verify", model, model]],
])("%s says that a blob is no checkpoint", async (_, args) => {
  const { code, stdout, stderr } = await ternHere(...args);
  expect(stderr).toBe(
    `tern: ${model}: checkpoint: found a blob of Little Tern, converted already, expected ONNX, TensorFlow Lite or Keras\n`,
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
});

it("names a checkpoint that cannot be converted", async () => {
  const file = put("sigmoid.onnx", smallCheckpoint("sigmoid"));
  expect((await ternHere("convert", file, "-o", out)).stderr).toMatch(`tern: ${file}: 1 node cannot be converted:\n`);
  expect((await ternHere("verify", model, file)).stderr).toMatch(`tern: ${file}: 1 node cannot be converted:\n`);
});

it.each(["an ONNX file", "a blob of Little Tern", "JSON text"] as const)(
  "names %s in place of samples",
  async (kind) => {
    const { code, stderr } = await ternHere("run", model, FILES[kind]);
    expect(stderr).toContain(`tern: ${FILES[kind]}: is ${kind}, expected a .npy, idx or PNG file`);
    expect(code).toBe(1);
  },
);

describe("fileKind", () => {
  it("tells every ONNX file of the project by its first bytes", () => {
    const crafted = "tests/attacks/files/"; // some of which are no ONNX at all
    const files = projectFiles().filter((file) => file.endsWith(".onnx") && !file.startsWith(crafted));
    expect(files.length).toBeGreaterThan(20);
    for (const file of files)
      expect([file, fileKind(readBytes(file).subarray(0, KIND_BYTES))]).toEqual([file, "an ONNX file"]);
  });

  it("takes no numbers or text for one", () => {
    expect(fileKind(Uint8Array.of(0x08))).toBeUndefined();
    expect(fileKind(Uint8Array.of(0x08, 7))).toBeUndefined(); // a version alone
    expect(fileKind(new TextEncoder().encode("hello, world"))).toBeUndefined();
    expect(fileKind(new Uint8Array(64))).toBeUndefined();
    writeFileSync(path("x"), writeNpy({ shape: [1], dtype: "u8", data: Uint8Array.of(1) }));
    expect(fileKind(readFileSync(path("x")))).toBe("a NumPy array");
  });
});
