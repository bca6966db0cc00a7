import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../../host/backend.ts";
import * as layout from "../../host/blob/layout.ts";
import { type Packing, WEIGHTS } from "../../host/blob/pack/pack.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { WeightDtype } from "../../host/program.ts";
import { expectReference } from "../module/agree.ts";
import { programOf, thresholds } from "../module/programs.ts";
import { describeModules } from "../variants.ts";
import { codes, FORMAT, fieldsOf, projectText, tableRows } from "./spec.ts";

const SOURCE = projectText("assembly/blob.ts");

/** Members of an enum of assembly/blob.ts, in their order. */
function assemblyEnum(name: string): [string, number][] {
  const body = SOURCE.match(new RegExp(`^export enum ${name} \\{\n([^}]*)\\}`, "m"))![1]!;
  return [...body.matchAll(/^ {2}(\w+) = (\d+),$/gm)].map(([, member, value]) => [member!, Number(value)]);
}

/** A numeric constant of assembly/blob.ts. */
function assemblyConst(name: string): number {
  const value = SOURCE.match(new RegExp(`^export const ${name}: u\\d+ = (.*);$`, "m"))![1]!;
  const [number, shift] = value.split(" << ").map(Number);
  return number! << (shift ?? 0);
}

describe("FORMAT.md, layout.ts and assembly/blob.ts agree", () => {
  it.each([
    ["Header", layout.HEADER, layout.HEADER_BYTES],
    ["Part", layout.PART, layout.PART_BYTES],
    ["Tensor", layout.TENSOR, layout.TENSOR_BYTES],
    ["Op", layout.OP, layout.OP_BYTES],
  ] as const)("on the fields of %s, which do not overlap", (name, fields, bytes) => {
    const listed = fieldsOf(name);
    const offsets = listed.map(({ name, offset }) => [name, offset]);
    expect(Object.entries(fields)).toEqual(offsets);
    expect(assemblyEnum(name)).toEqual(offsets);
    listed.forEach(({ offset, bytes: size }, i) => {
      expect(offset + size).toBeLessThanOrEqual(listed[i + 1]?.offset ?? bytes);
      expect(offset % Math.min(size, 4), "aligned").toBe(0);
    });
    expect(assemblyConst(`${name.toUpperCase()}_BYTES`)).toBe(bytes);
  });

  it.each([
    ["dtype", "name", "bytes of a row", layout.ACTIVATION, "Activation"],
    ["kind", "name", "input", layout.OP_KIND, "OpKind"],
    ["packing", "name", "for", layout.PACKING, "Packing"],
    ["post", "name", "bytes of a record", layout.POST, "Post"],
  ] as const)("on the codes of %s | %s | %s", (code, name, third, host, assembly) => {
    const listed = codes(code, name, third);
    expect(host).toEqual(listed);
    expect(Object.fromEntries(assemblyEnum(assembly))).toEqual(listed);
  });

  it("on weights, parts, roundings and features, which assembly does not name one by one", () => {
    expect(layout.WEIGHT).toEqual(codes("dtype", "name", "weight"));
    expect(layout.PART_KIND).toEqual(codes("kind", "name", "required"));
    expect(assemblyConst("REQUIRED")).toBe(layout.REQUIRED << 16);
    expect(SOURCE).toContain(`WEIGHTS_PART: u32 = REQUIRED | ${layout.PART_KIND.weights};`);
    const rounding = fieldRow("rounding");
    expect(rounding).toContain(`${layout.ROUNDING.floor} floor, ${layout.ROUNDING["half-even"]} half to even`);
    const bits = tableRows(FORMAT, "word", "bit", "needed by");
    expect(bits).toContainEqual([
      "opFeatures",
      `${layout.OP_FEATURE.wideInput}`,
      "a tensor of i16 or f32, or quantize of i32",
    ]);
    expect(bits).toContainEqual(["opFeatures", `${layout.OP_FEATURE.bitTensor}`, "a tensor of bit"]);
    expect(bits).toContainEqual(["opFeatures", `${layout.OP_FEATURE.i8Tensor}`, "a tensor of i8"]);
    expect(bits).toContainEqual(["dataFeatures", `${layout.POST_BIT} + p`, "post p (0 too)"]);
    const features = projectText("assembly/features.ts");
    for (const [name, bit] of [
      ["WIDE_INPUT", layout.OP_FEATURE.wideInput],
      ["BIT_TENSOR", layout.OP_FEATURE.bitTensor],
      ["SIGNED_INPUT", layout.OP_FEATURE.i8Tensor],
    ] as const) {
      expect(features).toContain(`export const ${name}: u32 = 1 << ${bit};`);
    }
    expect(features).toContain(`export const POST_BIT: u32 = ${layout.POST_BIT};`);
  });

  it("on magic, versions and limits", () => {
    expect(fieldRow("magic")).toContain("54 45 52 4e");
    expect(layout.MAGIC).toBe(0x4e524554);
    expect(assemblyConst("MAGIC")).toBe(layout.MAGIC);
    expect(fieldRow("formatVersion")).toBe(`${layout.FORMAT_VERSION}`);
    expect(assemblyConst("FORMAT_VERSION")).toBe(layout.FORMAT_VERSION);
    expect(assemblyConst("ABI_VERSION")).toBe(layout.ABI_VERSION);
    expect(projectText("assembly/ABI.md")).toMatch(`, version ${layout.ABI_VERSION}\n`);
    expect(tableRows(FORMAT, "limit", "value")[0]!.slice(0, 2)).toEqual(["channels, rows", "2^20"]);
    const limits = [layout.MAX_CHANNELS, layout.MAX_ROWS, assemblyConst("MAX_CHANNELS"), assemblyConst("MAX_ROWS")];
    expect(limits).toEqual(new Array(4).fill(2 ** 20));
  });

  it("on the range of every weight dtype", () => {
    for (const [code, name, range] of tableRows(FORMAT, "dtype", "name", "weight")) {
      const ends = range!
        .replaceAll("−", "-")
        .split(/, | … /)
        .map(Number);
      const { min, max } = WEIGHTS[name as WeightDtype];
      expect([min, max], `dtype ${code}`).toEqual([ends[0], ends.at(-1)]);
    }
  });

  function fieldRow(name: string): string {
    const rows = [...tableRows(FORMAT, "Header", "offset"), ...tableRows(FORMAT, "Op", "offset")];
    return rows.find(([field]) => field === name)!.at(-1)!;
  }
});

/** The annotated blob of FORMAT.md, and what it says. */
const GOLDEN = Uint8Array.from(
  [...FORMAT.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ){16})/gm)].flatMap(([, bytes]) =>
    bytes!
      .trim()
      .split(" ")
      .map((byte) => Number.parseInt(byte, 16)),
  ),
);
const TINY = programOf(
  [
    ["u8", 3],
    ["u8", 2],
  ],
  [
    {
      kind: "dense",
      input: 0,
      output: 1,
      dtype: "ternary",
      weights: Int8Array.of(1, 0, -1, -1, 1, 1),
      post: thresholds({ base: 0, up: [2] }, { base: 1, down: [-4] }),
    },
  ],
  { maxRows: 8 },
);

describe("golden vectors", () => {
  it("the blob of FORMAT.md is what the writer makes", () => {
    expect(GOLDEN).toHaveLength(192);
    expect(writeBlob(TINY)).toEqual(GOLDEN);
    const { ops, ...rest } = TINY;
    expect(readBlob(GOLDEN)).toEqual({ ...rest, ops: [{ ...ops[0], tileChannels: 2 }] });
  });

  it("and gives the codes that FORMAT.md says", () => {
    const backend = referenceBackend(readBlob(GOLDEN));
    backend.write(0, [9, 0, 4, 0, 0, 9], 2);
    backend.invoke(0, 1, 2);
    expect([...backend.read(1, 2)]).toEqual([1, 1, 0, 0]);
  });

  it.each(tableRows(FORMAT, "packing", "dtype", "a channel's weights", "bytes"))(
    "%s of %s: %s",
    (name, dtype, row, hex) => {
      const { packing } = WEIGHTS[dtype as WeightDtype];
      const weights = Int8Array.from(row!.replaceAll("−", "-").split(", ").map(Number));
      expect(packing.name).toBe(name);
      expect(Buffer.from(packed(packing, weights)).toString("hex")).toBe(hex!.replaceAll(" ", ""));
      expect(unpacked(packing, packed(packing, weights), weights.length)).toEqual(weights);
    },
  );

  it("cover every packing", () => {
    const rows = tableRows(FORMAT, "packing", "dtype", "a channel's weights", "bytes");
    expect(rows.map(([, dtype]) => dtype)).toEqual(Object.keys(WEIGHTS));
    expect(new Set(["none", ...rows.map(([name]) => name)])).toEqual(new Set(Object.keys(layout.PACKING)));
  });
});

describeModules("golden vectors", (engine, module) => {
  it("the module runs the blob of FORMAT.md", async () => {
    await expectReference(readBlob(GOLDEN), engine, module, [[[9, 0, 4, 0, 0, 9]]]);
  });
});

describe("packings", () => {
  it.each(Object.entries(WEIGHTS))(
    "%s: unpacking is the inverse of packing, and padding is 0",
    (dtype, { packing, min, max }) => {
      const code = dtype === "binary" ? fc.constantFrom(-1, 1) : fc.integer({ min, max });
      fc.assert(
        fc.property(fc.array(code, { minLength: 1, maxLength: 130 }), (row) => {
          const weights = Int8Array.from(row);
          const bytes = packed(packing, weights);
          expect(unpacked(packing, bytes, row.length)).toEqual(weights);
          const behind = unpacked(packing, bytes, (wordLanes(packing) * bytes.length) / 4).subarray(row.length);
          expect(behind.every((weight) => weight === (dtype === "binary" ? 1 : min))).toBe(true);
        }),
      );
    },
  );

  it.each(Object.entries(WEIGHTS))("%s: weight k lies in field k", (dtype, { packing, min }) => {
    const lanes = wordLanes(packing);
    const [count, rest] = [2 * lanes + 1, dtype === "binary" ? 1 : min];
    for (let k = 0; k < count; k++) {
      const bytes = packed(packing, new Int8Array(count).fill(rest).fill(dtype === "binary" ? -1 : rest + 1, k, k + 1));
      const words = new Uint32Array(bytes.buffer);
      const mask = (2 ** packing.bits - 1) * 2 ** (packing.bits * (k % lanes));
      words.forEach((word, i) => {
        expect(word & ~mask, `weight ${k}, word ${i}`).toBe(0);
        expect(word !== 0).toBe(i === Math.floor(k / lanes));
      });
    }
  });
});

function packed(packing: Packing, weights: Int8Array): Uint8Array {
  const bytes = new Uint8Array(packing.rowBytes(weights.length));
  packing.pack(new DataView(bytes.buffer), 0, weights);
  return bytes;
}

function unpacked(packing: Packing, bytes: Uint8Array, count: number): Int8Array {
  const weights = new Int8Array(count);
  packing.unpack(new DataView(bytes.buffer), 0, weights);
  return weights;
}

/** Weights in a u32. */
function wordLanes({ bits }: Packing): number {
  return Math.floor(32 / bits);
}
