import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../host/base/errors.ts";
import { openSafetensors, safetensorsMetadata } from "../../host/checkpoint/safetensors/open.ts";
import { writeSafetensors as write } from "../../host/checkpoint/safetensors/write.ts";
import { hostile } from "./hostile.ts";
import { f32, joinSafetensors, writeSafetensors } from "./safetensors_file.ts";

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const FILE = writeSafetensors(
  {
    "a.weight": f32([2, 3], [0, 1, -2.5, 3, 4, 5]),
    "a.bias": { dtype: "F16", shape: [2], bytes: bytesOf(Uint16Array.of(0x3c00, 0xc100)) },
    empty: { dtype: "U8", shape: [0, 7], bytes: new Uint8Array(0) },
    scalar: { dtype: "I64", shape: [], bytes: bytesOf(BigInt64Array.of(-3n)) },
  },
  { format: "pt" },
);

it("gives names, shapes and elements", () => {
  const { tensors, format } = openSafetensors(FILE);
  expect(format).toBe("safetensors");
  expect([...tensors].map(([name, { dims, read }]) => [name, dims, [...read()]])).toEqual([
    ["a.weight", [2, 3], [0, 1, -2.5, 3, 4, 5]],
    ["a.bias", [2], [1, -2.5]],
    ["empty", [0, 7], []],
    ["scalar", [], [-3]],
  ]);
});

it("reads what it writes, texts for people among it", () => {
  const tensors = new Map([
    ["a.weight", { dims: [2, 2], data: Float32Array.of(1, -0.1, 3e-40, 7) }],
    ["ä", { dims: [0], data: new Float32Array(0) }],
    ["scalar", { dims: [], data: Float32Array.of(5) }],
  ]);
  const file = write(tensors, { made: "\u2028 ja" });
  const read = openSafetensors(file).tensors;
  expect([...read].map(([name, { dims, type, read }]) => [name, dims, type, [...read()]])).toEqual(
    [...tensors].map(([name, { dims, data }]) => [name, dims, "f32", [...data]]),
  );
  expect(safetensorsMetadata(file)).toEqual({ made: "\u2028 ja" });
  expect(safetensorsMetadata(FILE)).toEqual({ format: "pt" });
  expect(safetensorsMetadata(writeSafetensors({}))).toEqual({});
  expect(() => safetensorsMetadata(joinSafetensors('{"__metadata__":{"a":1}}', []))).toThrow(
    "expected texts by their names",
  );
});

it.each<[string, Uint8Array, number[]]>([
  ["F64", bytesOf(Float64Array.of(0.1, -1e300)), [0.1, -1e300]],
  ["F32", bytesOf(Float32Array.of(0.1, -7)), [Math.fround(0.1), -7]],
  ["F16", bytesOf(Uint16Array.of(0x0001, 0x7bff, 0x8000)), [2 ** -24, 65504, -0]],
  ["BF16", bytesOf(Uint16Array.of(0x3f80, 0xc0a0)), [1, -5]],
  ["I64", bytesOf(BigInt64Array.of(2n ** 53n - 1n, -(2n ** 40n))), [2 ** 53 - 1, -(2 ** 40)]],
  ["I32", bytesOf(Int32Array.of(-(2 ** 31), 5)), [-(2 ** 31), 5]],
  ["I16", bytesOf(Int16Array.of(-32768, 5)), [-32768, 5]],
  ["I8", bytesOf(Int8Array.of(-128, 127)), [-128, 127]],
  ["U8", bytesOf(Uint8Array.of(0, 255)), [0, 255]],
  ["BOOL", bytesOf(Uint8Array.of(0, 1, 2)), [0, 1, 1]],
])("reads elements of %s", (dtype, bytes, expected) => {
  const { tensors } = openSafetensors(writeSafetensors({ x: { dtype, shape: [expected.length], bytes } }));
  expect([...tensors.get("x")!.read()]).toEqual(expected);
});

const entry = (shape: string, from: unknown, to: unknown, dtype = "F32") =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${from},${to}]}`;
const bytes = (count: number) => [new Uint8Array(count)];

describe("what is refused", () => {
  it.each<[string, Uint8Array, string]>([
    [
      "a hole",
      joinSafetensors(`{"a":${entry("[1]", 0, 4)},"b":${entry("[1]", 8, 12)}}`, bytes(12)),
      'tensor "b": begins at byte 8 of the data and leaves a hole',
    ],
    [
      "an overlap",
      joinSafetensors(`{"a":${entry("[2]", 0, 8)},"b":${entry("[1]", 4, 8)}}`, bytes(8)),
      'tensor "b": begins at byte 4 of the data and overlaps',
    ],
    [
      "the same data twice",
      joinSafetensors(`{"a":${entry("[2]", 0, 8)},"b":${entry("[2]", 0, 8)}}`, bytes(8)),
      "overlaps",
    ],
    [
      "data behind the last tensor",
      joinSafetensors(`{"a":${entry("[1]", 0, 4)}}`, bytes(8)),
      "tensors of 4 bytes, but 8 bytes of data",
    ],
    [
      "a tensor beyond the end",
      joinSafetensors(`{"a":${entry("[2]", 0, 8)}}`, bytes(4)),
      "tensors of 8 bytes, but 4 bytes of data",
    ],
    [
      "a name twice",
      joinSafetensors(`{"a":${entry("[1]", 0, 4)},"\\u0061":${entry("[1]", 4, 8)}}`, bytes(8)),
      'has the name "a" twice',
    ],
    [
      "a name twice within an entry",
      joinSafetensors(`{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}`, bytes(4)),
      'has the name "dtype" twice',
    ],
    [
      "bytes that are not the shape's",
      joinSafetensors(`{"a":${entry("[3]", 0, 8)}}`, bytes(8)),
      'tensor "a": 8 bytes, expected 12 for [3] of F32',
    ],
    ["an end before its beginning", joinSafetensors(`{"a":${entry("[1]", 4, 0)}}`, bytes(4)), "-4 bytes, expected 4"],
    [
      "a shape whose product wraps",
      joinSafetensors(`{"a":${entry("[4294967296,4294967296]", 0, 0)}}`, []),
      "impossible shape",
    ],
    ["a shape of floats", joinSafetensors(`{"a":${entry("[1.5]", 0, 4)}}`, bytes(4)), "no shape"],
    ["too many axes", joinSafetensors(`{"a":${entry(`[${Array(65).fill(1)}]`, 0, 4)}}`, bytes(4)), "at most 64 sizes"],
    [
      "a dtype of another kind",
      joinSafetensors(`{"a":${entry("[4]", 0, 4, "F8_E4M3")}}`, bytes(4)),
      'tensor "a": dtype F8_E4M3, expected F64, F32',
    ],
    [
      "a dtype of Object.prototype",
      joinSafetensors(`{"a":${entry("[4]", 0, 4, "toString")}}`, bytes(4)),
      "dtype toString",
    ],
    ["an entry that is none", joinSafetensors('{"a":3}', []), "dtype undefined"],
    ["a header that is a list", joinSafetensors("[]", []), "no JSON object"],
    ["a header that is no JSON", joinSafetensors("{'a':1}", []), "is no JSON"],
    [
      "a header that is no UTF-8",
      (() => {
        const file = joinSafetensors('{"?":1}', []);
        file[10] = 0xff;
        return file;
      })(),
      "UTF-8",
    ],
    ["a deep header", joinSafetensors("[".repeat(100_000), []), "nested deeper than 64"],
    ["a header longer than the file", Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0, 0x7b), "needs 200 bytes"],
    [
      "a header beyond the limit",
      Uint8Array.of(0, 0, 0, 0x7f, 0, 0, 0, 0, 0x7b),
      "a header of 2130706432 bytes, expected at most 16777216",
    ],
    ["a length of 2^64 − 1", new Uint8Array(16).fill(255), "a header of 18446744073709551615 bytes"],
  ])("%s", (_, file, why) => {
    const open = () => openSafetensors(file);
    expect(open).toThrow(CheckpointError);
    expect(open).toThrow(why);
  });

  it.each<[string, number, number]>([
    ["F32", 0x7fc00000, 4],
    ["F32", 0x7f800000, 4],
  ])("%s elements that are not finite (0x%s)", (dtype, bits, size) => {
    const data = new Uint8Array(size);
    new DataView(data.buffer).setUint32(0, bits, true);
    const { tensors } = openSafetensors(writeSafetensors({ x: { dtype, shape: [1], bytes: data } }));
    expect(() => tensors.get("x")!.read()).toThrow(/tensor "x": element 0 is (NaN|Infinity), expected a finite number/);
  });

  it("integers that no float64 holds", () => {
    const { tensors } = openSafetensors(
      writeSafetensors({ x: { dtype: "I64", shape: [1], bytes: bytesOf(BigInt64Array.of(2n ** 60n)) } }),
    );
    expect(() => tensors.get("x")!.read()).toThrow("expected an integer below 2^53");
  });
});

hostile("safetensors", FILE, (file) => {
  for (const { read } of openSafetensors(file).tensors.values()) read();
});
