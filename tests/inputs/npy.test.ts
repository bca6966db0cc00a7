import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import type { Elements } from "../../tools/inputs/input.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { readInput } from "../../tools/inputs/read.ts";

/** A version 1 file with this header and these element bytes. */
function npy(header: string, elements: number[] = [], version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...length, ...text, ...elements]);
}

/** What `numpy.save` (2.x) writes for `numpy.arange(3, dtype="<f4")`. */
const ARANGE3 = npy(
  `{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }${" ".repeat(60)}\n`,
  [0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40],
);

const header = (descr: string, shape: string, order = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe("a .npy file", () => {
  it("reads what NumPy writes, and writeNpy writes the same bytes", () => {
    const array = readInput(ARANGE3, "a.npy");
    expect(array).toEqual({ kind: "npy", dtype: "f32", shape: [3], data: Float32Array.of(0, 1, 2) });
    expect(writeNpy(array)).toEqual(ARANGE3);
  });

  it.each([
    ["|u1", [255, 1], "u8", [255, 1]],
    ["|i1", [255, 1], "i8", [-1, 1]],
    ["<i2", [255, 255, 1, 0], "i16", [-1, 1]],
    ["<i4", [254, 255, 255, 255, 1, 0, 0, 0], "i32", [-2, 1]],
    ["<i8", [254, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0], "i32", [-2, 1]],
    ["<f4", [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], "f32", [1, -2]],
    ["<f8", [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0], "f32", [1, -2]],
  ])("reads elements of type %s", (descr, bytes, dtype, values) => {
    const array = readInput(npy(header(descr, "(1, 2)"), bytes), "a.npy");
    expect({ ...array, data: [...array.data] }).toEqual({ kind: "npy", shape: [1, 2], dtype, data: values });
  });

  it.each([1, 2, 3])("reads version %i", (version) => {
    expect(readInput(npy(header("|u1", "(2,)"), [3, 4], version), "a.npy").shape).toEqual([2]);
  });

  it("reads a header with other spacing, quotes and order of keys, and a single number", () => {
    const text = `{"shape":(),"descr":"|u1","fortran_order":False}`;
    expect(readInput(npy(text, [7]), "a.npy")).toMatchObject({ shape: [], data: Uint8Array.of(7) });
  });

  it.each([
    ["a damaged version", npy("", [], 4), "a.npy, byte 6: .npy version 4, expected 1, 2 or 3"],
    ["a long header", npy(" ".repeat(10_001)), "byte 8: header of 10001 bytes, expected at most 10000"],
    [
      "Fortran order",
      npy(header("<f4", "(1, 1)", "True"), [0, 0, 0, 0]),
      "elements in Fortran order, expected C order",
    ],
    ["big-endian", npy(header(">f4", "(1,)"), [0, 0, 0, 0]), 'elements of type ">f4", expected |u1, |i1, <i2'],
    ["a name that objects have", npy(header("toString", "(1,)")), 'elements of type "toString", expected |u1'],
    [
      "records",
      npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"),
      "not that of an array of plain",
    ],
    ["code", npy("__import__('os')"), "byte 10: header is not that of an array of plain numbers"],
    ["no dictionary", npy("null"), 'header lacks "descr"'],
    ["a negative size", npy(header("|u1", "(-1,)")), 'header lacks "shape"'],
    ["a huge shape", npy(header("|u1", `(${"99999999, ".repeat(60)}1)`)), "more than 268435456 bytes of elements"],
    ["missing elements", npy(header("<i2", "(3,)"), [0, 0]), '2 bytes of elements, expected 6 for shape [3] of "<i2"'],
    [
      "more elements",
      npy(header("|u1", "(1,)"), [0, 0]),
      'more than 1 bytes of elements, expected 1 for shape [1] of "|u1"',
    ],
    [
      "NaN",
      npy(header("<f4", "(1, 2)"), [0, 0, 0, 0, 0, 0, 0xc0, 0x7f]),
      "a.npy: element [0, 1] is NaN, expected a finite",
    ],
    [
      "f64 above f32",
      npy(header("<f8", "(1,)"), [0, 0, 0, 0, 0, 0, 0, 0x7f]),
      "element [0] is Infinity, expected a finite",
    ],
    [
      "i64 above i32",
      npy(header("<i8", "(1,)"), [0, 0, 0, 0, 1, 0, 0, 0]),
      "element 4294967296, expected the range of i32",
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readInput(bytes, "a.npy")).toThrow(InputError);
    expect(() => readInput(bytes, "a.npy")).toThrow(message);
  });
});

describe("writeNpy", () => {
  const ARRAYS = { u8: Uint8Array, i8: Int8Array, i16: Int16Array, i32: Int32Array, f32: Float32Array };
  const array = fc
    .record({
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
      dtype: fc.constantFrom("u8" as const, "i8" as const, "i16" as const, "i32" as const, "f32" as const),
      seed: fc.integer(),
    })
    .map(({ shape, dtype, seed }): Elements & { shape: number[] } => {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Array.from({ length: count }, (_, i) => Math.imul(seed, i + 1));
      const data = ARRAYS[dtype].from(values.map((x) => (dtype === "f32" ? x / 3 : x)));
      return { shape, dtype, data } as Elements & { shape: number[] };
    });

  it("writes what is read back, elements at a multiple of 64", () => {
    fc.assert(
      fc.property(array, (written) => {
        const bytes = writeNpy(written);
        expect((bytes.length - written.data.byteLength) % 64).toBe(0);
        expect(readInput(bytes, "a.npy")).toEqual({ kind: "npy", ...written });
      }),
    );
  });
});
