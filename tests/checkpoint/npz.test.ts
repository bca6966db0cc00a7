import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../host/base/errors.ts";
import { openWeights, readCheckpoint } from "../../host/checkpoint/index.ts";
import { hostile } from "./hostile.ts";

/** A .npy file: its header as it is given, and the bytes behind it. */
function npy(header: string, data: ArrayBufferView, version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Uint8Array.from([0x93, ...new TextEncoder().encode("NUMPY"), version, 0, ...length, ...text, ...bytes]);
}

const header = (descr: string, shape: string, fortran = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

/** Numbers in bytes of big order. */
function big(size: 2 | 4 | 8, set: (view: DataView, at: number, i: number) => void, count: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(size * count));
  for (let i = 0; i < count; i++) set(view, i * size, i);
  return new Uint8Array(view.buffer);
}

const MATRIX = npy(header("<f4", "(2, 3)"), Float32Array.of(0, 1, 2, 3, 4, 5));

const FILE = zipSync({
  "arr_0.npy": MATRIX,
  "deep/name.npy": [npy(header("<f8", "(3,)"), Float64Array.of(0.1, 0.2, 0.3)), { level: 0 }],
  "zeros.npy": npy(header("|i1", "(4000,)"), new Int8Array(4000)),
  "scalar.npy": npy(header("<i8", "()"), BigInt64Array.of(-7n)),
});

it("gives names, shapes and elements, stored or deflated", () => {
  const { tensors, format } = openWeights(FILE);
  expect(format).toBe("npz");
  expect([...tensors].map(([name, { dims, read }]) => [name, dims, [...read()].slice(0, 6)])).toEqual([
    ["arr_0", [2, 3], [0, 1, 2, 3, 4, 5]],
    ["deep/name", [3], [0.1, 0.2, 0.3]],
    ["zeros", [4000], [0, 0, 0, 0, 0, 0]],
    ["scalar", [], [-7]],
  ]);
});

it.each<[string, Uint8Array, number[]]>([
  ["<f2", new Uint8Array(Uint16Array.of(0x3c00, 0xc100).buffer), [1, -2.5]],
  [">f4", big(4, (view, at, i) => view.setFloat32(at, i - 0.5), 2), [-0.5, 0.5]],
  [">f8", big(8, (view, at, i) => view.setFloat64(at, i / 3), 2), [0, 1 / 3]],
  [">i2", big(2, (view, at, i) => view.setInt16(at, i - 300), 2), [-300, -299]],
  [">i4", big(4, (view, at, i) => view.setInt32(at, i - 70000), 2), [-70000, -69999]],
  [">i8", big(8, (view, at, i) => view.setBigInt64(at, BigInt(i) - 5n), 2), [-5, -4]],
  ["|u1", Uint8Array.of(0, 255), [0, 255]],
  ["|b1", Uint8Array.of(0, 1), [0, 1]],
  ["=f4", new Uint8Array(Float32Array.of(1, 2).buffer), [1, 2]],
])("reads elements of %s", (descr, bytes, expected) => {
  const { tensors } = openWeights(npy(header(descr, `(${expected.length},)`), bytes));
  expect([...tensors.get("array")!.read()]).toEqual(expected);
});

it("reads Fortran's order", () => {
  // [[[0, 1], [2, 3], [4, 5]], [[6, …]]]: the first axis changes fastest
  const rowMajor = Array.from({ length: 12 }, (_, i) => i);
  const fortran = rowMajor.map((_, i) => (i % 2) * 6 + (Math.floor(i / 2) % 3) * 2 + Math.floor(i / 6));
  const { tensors } = openWeights(npy(header("<f4", "(2, 3, 2)", "True"), Float32Array.from(fortran)));
  expect([...tensors.get("array")!.read()]).toEqual(rowMajor);
});

it.each([2, 3])("reads version %i", (version) => {
  const { tensors } = openWeights(npy(header("<f4", "(1,)"), Float32Array.of(3), version));
  expect([...tensors.get("array")!.read()]).toEqual([3]);
});

it("says what it leaves out, and converts with an arch", () => {
  const file = zipSync({
    "w.npy": npy(header("|i1", "(2, 3)"), Int8Array.of(1, 0, -1, 1, 1, 0)),
    "notes.txt": Uint8Array.of(1),
  });
  const arch = {
    input: { shape: [3], quantizer: { bits: 4, signed: true, scale: 1 } },
    layers: [{ op: "dense", weights: "codes", tensors: { weight: "w" } }],
  };
  const { format, notes } = readCheckpoint(file, {}, JSON.stringify(arch));
  expect(format).toBe("npz");
  expect(notes).toContain("1 of 2 files in the archive are no arrays and are left out");
});

/** A copy with some bytes changed. */
function changed(file: Uint8Array, edit: (view: DataView, central: number, end: number) => void): Uint8Array {
  const copy = file.slice();
  const view = new DataView(copy.buffer);
  const end = copy.length - 22;
  edit(view, view.getUint32(end + 16, true), end);
  return copy;
}

const ONE = zipSync({ "a.npy": [MATRIX, { level: 0 }] });
const PACKED = zipSync({ "a.npy": npy(header("|u1", "(100000,)"), new Uint8Array(100_000)) });

describe("what is refused", () => {
  it.each<[string, Uint8Array, string]>([
    ["an archive without its end", ONE.subarray(0, ONE.length - 1), "no directory"],
    [
      "one of several disks",
      changed(ONE, (view, _, end) => view.setUint16(end + 8, 0, true)),
      "0 of 1 files on this disk",
    ],
    ["a directory outside", changed(ONE, (view, _, end) => view.setUint32(end + 16, 9999, true)), "a directory of"],
    [
      "more files than there are",
      changed(ONE, (view, _, end) => {
        view.setUint16(end + 8, 2, true);
        view.setUint16(end + 10, 2, true);
      }),
      "no record of the directory",
    ],
    ["an encrypted file", changed(ONE, (view, at) => view.setUint16(at + 8, 1, true)), '"a.npy" is encrypted'],
    [
      "bzip2",
      changed(ONE, (view, at) => view.setUint16(at + 10, 12, true)),
      '"a.npy" is packed by method 12, expected 0 or 8',
    ],
    ["zip64", changed(ONE, (view, at) => view.setUint32(at + 42, 0xffffffff, true)), "zip64"],
    ["two sizes of a stored file", changed(ONE, (view, at) => view.setUint32(at + 24, 5, true)), "is stored, but has"],
    [
      "a file that is not where it should be",
      changed(ONE, (view, at) => view.setUint32(at + 42, 3, true)),
      'no file, expected "a.npy"',
    ],
    [
      "another name in the directory",
      changed(ONE, (view, at) => view.setUint8(at + 46, 98)),
      'a file named "a.npy", but "b.npy" in the directory',
    ],
    [
      "a file that reaches into the directory",
      changed(ONE, (view, at) => {
        view.setUint32(at + 20, 9999, true);
        view.setUint32(at + 24, 9999, true);
      }),
      "ends behind the directory's beginning",
    ],
    [
      "files of no known kind",
      zipSync({ "a.txt": Uint8Array.of(1), "b.json": Uint8Array.of(2) }),
      'found a zip archive of "a.txt", "b.json"',
    ],
    ["a .npy that is none", zipSync({ "a.npy": Uint8Array.of(1, 2, 3) }), 'array "a", byte 0: no .npy file'],
    ["objects", npy(header("|O", "(1,)"), Uint8Array.of(0)), 'elements of type "|O"'],
    ["complex numbers", npy(header("<c8", "(1,)"), new Uint8Array(8)), 'elements of type "<c8"'],
    ["a type of Object.prototype", npy(header("toString", "(1,)"), new Uint8Array(8)), 'elements of type "toString"'],
    [
      "fewer elements than the shape has",
      npy(header("<f4", "(3,)"), new Uint8Array(8)),
      "8 bytes of elements, expected 12 for [3]",
    ],
    [
      "more elements than the shape has",
      npy(header("<f4", "(1,)"), new Uint8Array(8)),
      "8 bytes of elements, expected 4 for [1]",
    ],
    [
      "a shape whose product wraps",
      npy(header("<f4", "(4294967296, 4294967296)"), new Uint8Array(0)),
      "impossible shape",
    ],
    ["version 4", npy(header("<f4", "(1,)"), new Uint8Array(4), 4), ".npy version 4"],
  ])("%s", (_, file, why) => {
    const open = () => openWeights(file);
    expect(open).toThrow(CheckpointError);
    expect(open).toThrow(why);
  });

  const read = (file: Uint8Array) => () => openWeights(file).tensors.get("a")!.read();

  it("content with another CRC", () => {
    expect(read(changed(ONE, (view, at) => view.setUint32(at + 16, 1, true)))).toThrow("another CRC");
  });

  it("files that share bytes", () => {
    const two = zipSync({ "a.npy": [MATRIX, { level: 0 }], "b.npy": [MATRIX, { level: 0 }] });
    const shared = changed(two, (view, at) => {
      for (const field of [20, 24]) view.setUint32(at + field, view.getUint32(at + field, true) + 40, true);
    });
    expect(read(shared)).toThrow('"b.npy" shares bytes with another file');
  });

  it("a bomb: content that is longer than told, or than any tensor", () => {
    const told = (bytes: number) => changed(PACKED, (view, at) => view.setUint32(at + 24, bytes, true));
    expect(read(told(60_000))).toThrow(CheckpointError);
    expect(read(told(2 ** 31))).toThrow(CheckpointError);
    // told: one element more than any tensor has; there: 20,000 of them
    const array = npy(header("|u1", `(${2 ** 24 + 1},)`), new Uint8Array(20_000));
    const all = array.length - 20_000 + 2 ** 24 + 1;
    const huge = changed(zipSync({ "a.npy": array }), (view, at) => view.setUint32(at + 24, all, true));
    expect(read(huge)).toThrow(`array "a": ${2 ** 24 + 1} elements, expected at most ${2 ** 24}`);
  });
});

hostile("npz", FILE, (file) => {
  for (const { read } of openWeights(file).tensors.values()) read();
});
hostile("npy", MATRIX, (file) => {
  for (const { read } of openWeights(file).tensors.values()) read();
});
