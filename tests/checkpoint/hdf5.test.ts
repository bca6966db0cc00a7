import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../host/base/errors.ts";
import { type Hdf5Object, openHdf5 } from "../../host/checkpoint/hdf5/open.ts";
import { type Hdf5Group, writeHdf5 } from "./hdf5_file.ts";
import { hostile } from "./hostile.ts";

const halves = (count: number) => Array.from({ length: count }, (_, i) => i / 2 - 3);

const FILE: Hdf5Group = {
  attributes: { config: `{"text":"${"ü".repeat(9)}"}`, names: ["layer", "b"] },
  children: {
    layer: {
      attributes: { none: "" },
      children: {
        "kernel:0": { dims: [5, 7, 3], data: halves(105), chunk: [2, 3, 3], shuffle: true },
        "bias:0": { dims: [3], data: halves(3) },
      },
    },
    b: {
      children: {
        step: { dims: [], data: [781500], type: "i64" },
        m: { dims: [4], data: halves(4), type: "f64", chunk: [3] },
      },
    },
  },
};

/** Groups that are further down are in themselves. */
const MAX_DEPTH = 20;

/** Everything that is in a file. */
function all(object: Hdf5Object, depth = 0): unknown {
  if (depth > MAX_DEPTH) return "deeper";
  if (object.isDataset) {
    const { dims, type, read } = object.tensor();
    return { dims, type, data: [...read()] };
  }
  const children = object.names.map((name) => [name, all(object.child(name)!, depth + 1)]);
  const texts = ["config", "names", "none"].map((name) => object.texts(name));
  return { texts, children: Object.fromEntries(children) };
}

const BOTH = [
  ["trees of names", 0],
  ["messages", 2],
] as const;

describe.each(BOTH)("a file of %s", (_, version) => {
  const file = writeHdf5(FILE, version);

  it("is read: groups, texts, datasets in one run and in chunks", () => {
    expect(all(openHdf5(file))).toEqual({
      texts: [FILE.attributes!.config && [FILE.attributes!.config], ["layer", "b"], undefined],
      children: {
        b: {
          texts: [undefined, undefined, undefined],
          children: {
            m: { dims: [4], type: "f64", data: halves(4) },
            step: { dims: [], type: "i64", data: [781500] },
          },
        },
        layer: {
          texts: [undefined, undefined, [""]],
          children: {
            "bias:0": { dims: [3], type: "f32", data: halves(3) },
            "kernel:0": { dims: [5, 7, 3], type: "f32", data: halves(105) },
          },
        },
      },
    });
  });

  it("gives objects by their paths", () => {
    const root = openHdf5(file);
    expect(root.child("layer/bias:0")!.tensor().dims).toEqual([3]);
    expect(root.child("layer/gamma:0")).toBeUndefined();
    expect(root.child("layer/bias:0/deeper")).toBeUndefined();
  });
});

for (const [what, version] of BOTH)
  hostile(`HDF5 (${what})`, writeHdf5(FILE, version), (bytes) => all(openHdf5(bytes)));

/** Replaces bytes that stand once in a file. */
function replace(bytes: Uint8Array, find: readonly number[], by: readonly number[]): Uint8Array {
  const places = [...bytes.keys()].filter((at) => find.every((byte, i) => bytes[at + i] === byte));
  expect(places.length).toBe(1);
  bytes.set(by, places[0]);
  return bytes;
}

function edited(children: Hdf5Group["children"], find: readonly number[], by: readonly number[]): Uint8Array {
  return replace(writeHdf5({ children: children! }), find, by);
}

const u64 = (...values: number[]) => [...new Uint8Array(BigUint64Array.from(values, BigInt).buffer)];
const ascii = (text: string) => [...new TextEncoder().encode(text)];
const ODD = { w: { dims: [13, 17], data: halves(221) } };
const CHUNKS = { w: { dims: [13, 17], data: halves(221), chunk: [11, 15] } };
const SPACE = [1, 2, 0, 0, 0, 0, 0, 0, ...u64(13, 17)];

describe("what is refused says where and why", () => {
  it.each<[string, Uint8Array, string]>([
    ["a cut file", writeHdf5(FILE).subarray(0, 400), "the file is cut"],
    ["version 9", writeHdf5(FILE).with(8, 9), "byte 8: version 9, expected 0 to 3"],
    ["short addresses", writeHdf5(FILE).with(13, 4), "addresses of 4 and lengths of 8 bytes"],
    ["another shape", edited(ODD, SPACE, [...SPACE.slice(0, 8), ...u64(13, 18)]), '"w" has 884 bytes, expected 936'],
    ["an impossible shape", edited(ODD, SPACE, [...SPACE.slice(0, 8), ...u64(2 ** 40, 2 ** 40)]), "impossible shape"],
    [
      "a huge shape",
      edited(CHUNKS, SPACE, [...SPACE.slice(0, 8), ...u64(2 ** 20, 2 ** 6)]),
      "67108864 elements, expected",
    ],
    ["fewer chunks", edited(CHUNKS, SPACE, [...SPACE.slice(0, 8), ...u64(33, 17)]), '"w" has 4 chunks, expected 6'],
    [
      "chunks that are longer",
      edited(CHUNKS, SPACE, [...SPACE.slice(0, 8), ...u64(10, 17)]),
      "expected none longer than it",
    ],
    ["another filter", edited(CHUNKS, [1, 0, 0, 0, 1, 0, 1, 0, 6], [9]), '"w" is packed by filter 9'],
    [
      "no name",
      edited(ODD, [...ascii("w\0"), ...new Array<number>(6).fill(0)], ascii("wxyzwxyz")),
      "expected one that ends there",
    ],
    ["a tree that is none", edited(ODD, ascii("TREE"), ascii("TWEE")), "no node of a tree, expected one"],
    ["a heap that is none", edited(ODD, ascii("HEAP"), ascii("HEAL")), "no heap of names, expected one"],
    [
      "floats of another kind",
      edited(ODD, [23, 8, 0, 23], [23, 9, 0, 22]),
      '"w" is floats of 9 and 22 bits, expected floats',
    ],
  ])("%s", (_, bytes, message) => {
    const read = () => all(openHdf5(bytes));
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  });

  it("a group in itself ends", () => {
    const bytes = writeHdf5({ children: { a: { children: { a: { children: {} } } } } });
    const view = new DataView(bytes.buffer);
    const inner = new Set(symbols(bytes).map((at) => Number(view.getBigUint64(at + 16, true))));
    for (const at of symbols(bytes)) view.setBigUint64(at + 16, BigInt(Math.max(...inner)), true);
    expect(() => {
      for (let at: Hdf5Object | undefined = openHdf5(bytes); at; ) at = at.child("a");
    }).toThrow("parts up to here");
  });

  it("a chunk that inflates without end is cut off", () => {
    const zeros = new Array<number>(2 ** 18).fill(0);
    const bytes = writeHdf5({ children: { w: { dims: [2 ** 18], data: zeros, chunk: [2 ** 18] } } });
    replace(bytes, [1, 1, 0, 0, 0, 0, 0, 0, ...u64(2 ** 18)], [1, 1, 0, 0, 0, 0, 0, 0, ...u64(16)]);
    replace(bytes, [0, 0, 4, 0, 4, 0, 0, 0], [16, 0, 0, 0, 4, 0, 0, 0]); // its chunks, and the bytes of an element
    expect(() => openHdf5(bytes).child("w")!.tensor().read()).toThrow("inflates to more than 64 bytes");
  });
});

/** Where lists of names begin. */
function symbols(bytes: Uint8Array): number[] {
  const name = ascii("SNOD");
  return [...bytes.keys()].filter((at) => name.every((byte, i) => bytes[at + i] === byte));
}
