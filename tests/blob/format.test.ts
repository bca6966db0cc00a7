import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import * as layout from "../../host/blob/layout.ts";
import { type Packing, packingOf, TAP8, WEIGHTS } from "../../host/blob/pack/pack.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { PackingName, WeightDtype } from "../../host/program.ts";
import { referenceBackend } from "../../host/run/backend.ts";
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

/** Fields of some ops in bytes that other ops have for another field. */
const SHARING = ["lo", "hi", "zero", "heads", "factor", "epsilon", "keyHeads", "position", "secondFactor", "scale"];

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
    const own = listed.filter((field) => !SHARING.includes(field.name));
    own.forEach(({ offset, bytes: size }, i) => {
      expect(offset + size).toBeLessThanOrEqual(own[i + 1]?.offset ?? bytes);
    });
    listed.forEach(({ offset, bytes: size }) => {
      expect(offset % Math.min(size, 4), "aligned").toBe(0);
    });
    expect(assemblyConst(`${name.toUpperCase()}_BYTES`)).toBe(bytes);
  });

  it.each([
    ["dtype", "name", "bytes of a position", layout.ACTIVATION, "Activation"],
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
    expect(rounding).toContain(`${layout.ROUNDING.floor} floor, ${layout.ROUNDING["half-even"]} half to even, `);
    expect(rounding).toContain(`${layout.ROUNDING["half-away"]} half away from 0`);
    const bits = tableRows(FORMAT, "word", "bit", "needed by");
    expect(new Set(bits.map(([word]) => word))).toEqual(new Set(["ops", "packings", "posts", "dtypes"]));
    expect(bits).toContainEqual(["dtypes", `${layout.QUANTIZES_I32}`, "quantize of i32"]);
    expect(projectText("assembly/features.ts")).toContain(`QUANTIZES_I32: u32 = 1 << ${layout.QUANTIZES_I32};`);
    expect(fieldRow("flags")).toContain("bit 0: requantize, every record has [shifts of its own]");
    expect([layout.OWN_SHIFTS, assemblyConst("OWN_SHIFTS")]).toEqual([1, 1]);
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
      if (name === "f32") continue;
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

/** The annotated bytes of FORMAT.md: a blob, a group of pair4, one of field2x16, and one of tap8. */
const [GOLDEN, GOLDEN_PAIRS, GOLDEN_FIELDS, GOLDEN_TAPS] = FORMAT.split("```")
  .filter((block) => block.startsWith("\n0000"))
  .map((block) =>
    Uint8Array.from(
      [...block.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?){16})/gm)].flatMap(([, bytes]) =>
        bytes!
          .trim()
          .split(" ")
          .map((byte) => Number.parseInt(byte, 16)),
      ),
    ),
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
const TINY = programOf(
  [
    ["u8", 3],
    ["u8", 2],
  ],
  [
    {
      kind: "dense",
      inputs: [0],
      output: 1,
      dtype: "ternary",
      weights: Int8Array.of(1, 0, -1, -1, 1, 1),
      post: thresholds({ base: 0, up: [2] }, { base: 1, down: [-4] }),
    },
  ],
  { maxRows: 8 },
);

/** Every dtype in every packing that holds it. */
const PACKINGS = Object.entries(WEIGHTS).flatMap(([dtype, { packings }]) =>
  [...packings, TAP8].map((packing) => [`${packing.name} of ${dtype}`, dtype as WeightDtype, packing] as const),
);

describe("golden vectors", () => {
  it("the blob of FORMAT.md is what the writer makes", () => {
    expect(GOLDEN).toHaveLength(240);
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

  const rows = tableRows(FORMAT, "packing", "dtype", "a channel's weights", "bytes");
  it.each(rows)("%s of %s: %s", (name, dtype, row, hex) => {
    const packing = packingOf({ dtype: dtype as WeightDtype, packing: name as PackingName });
    const weights = Int8Array.from(row!.replaceAll("−", "-").split(", ").map(Number));
    const bytes = packed(packing, weights, weights.length);
    expect(Buffer.from(bytes).toString("hex")).toBe(hex!.replaceAll(" ", ""));
    expect(unpacked(packing, bytes, weights.length, weights.length)).toEqual(weights);
  });

  const two = [1, -1, 0, 0, -1, -1, -1, 1, 1, 1];
  const six = [...two, ...new Array(15).fill(-1), ...new Array(5).fill(1)];
  it.each([
    ["pair4", two, GOLDEN_PAIRS],
    ["field2x16", six, GOLDEN_FIELDS],
  ] as const)("a group of %s", (name, codes, bytes) => {
    const packing = packingOf({ dtype: "ternary", packing: name });
    const weights = Int8Array.from(codes);
    expect(packed(packing, weights, 5)).toEqual(bytes);
    expect(unpacked(packing, bytes, weights.length, 5)).toEqual(weights);
  });

  it("a group of tap8", () => {
    const weights = Int8Array.of(-128, -1, 127, 5, 5, 5, 1, 0, -1);
    expect(packed(TAP8, weights, 3)).toEqual(GOLDEN_TAPS);
    expect(unpacked(TAP8, GOLDEN_TAPS, weights.length, 3)).toEqual(weights);
    expect(packingOf({ dtype: "ternary", packing: "tap8" })).toBe(TAP8);
  });

  it("cover every dtype in every packing that holds it", () => {
    const covered = rows.map(([packing, dtype]) => `${packing} of ${dtype}`);
    const groups = ["pair4 of ternary", "field2x16 of ternary", "field2x16 of int2"]; // of int2 too: its fields are the same
    groups.push(...Object.keys(WEIGHTS).map((dtype) => `tap8 of ${dtype}`)); // the bytes of all are the same
    expect([...covered, ...groups].sort()).toEqual(PACKINGS.map(([name]) => name).sort());
    const names = PACKINGS.map(([, , { name }]) => name);
    expect(new Set(["none", "f32", ...names])).toEqual(new Set(Object.keys(layout.PACKING)));
  });

  it("say in the table of packings what each is for", () => {
    for (const [, name, dtypes] of tableRows(FORMAT, "packing", "name", "for").slice(1)) {
      if (name === "f32") continue; // of floats, which are packed as they are
      const holds = PACKINGS.filter(([, , packing]) => packing.name === name).map(([, dtype]) => dtype);
      expect(dtypes!.split(", ").sort(), name).toEqual(holds.sort());
    }
  });
});

describeModules("golden vectors", (engine, module) => {
  it("the module runs the blob of FORMAT.md", async () => {
    await expectReference(readBlob(GOLDEN), engine, module, [[[9, 0, 4, 0, 0, 9]]]);
  });
});

describe("packings", () => {
  it.each(PACKINGS)("%s: unpacking is the inverse of packing", (_, dtype, packing) => {
    const { min, max } = WEIGHTS[dtype];
    const code = dtype === "binary" ? fc.constantFrom(-1, 1) : fc.integer({ min, max });
    const group = fc
      .tuple(fc.integer({ min: 1, max: packing.groupChannels }), fc.integer({ min: 1, max: 130 }))
      .chain(([channels, inputs]) => {
        const length = channels * inputs;
        return fc.tuple(fc.constant(inputs), fc.array(code, { minLength: length, maxLength: length, size: "max" }));
      });
    fc.assert(
      fc.property(group, ([inputs, codes]) => {
        const weights = Int8Array.from(codes);
        const bytes = packed(packing, weights, inputs);
        expect(bytes.length % 4).toBe(0);
        expect(unpacked(packing, bytes, codes.length, inputs)).toEqual(weights);
      }),
    );
  });

  const words = PACKINGS.filter(([, , { name }]) => /^(field\d|sign32)$/.test(name));
  it.each(words)("%s: weight k lies in field k, and padding is 0", (_, dtype, packing) => {
    const bits = layout.PACKING[packing.name];
    const lanes = Math.floor(32 / bits);
    const [count, rest] = [2 * lanes + 1, dtype === "binary" ? 1 : WEIGHTS[dtype].min];
    for (let k = 0; k < count; k++) {
      const weights = new Int8Array(count).fill(rest).fill(dtype === "binary" ? -1 : rest + 1, k, k + 1);
      const words = new Uint32Array(packed(packing, weights, count).buffer);
      const mask = (2 ** bits - 1) * 2 ** (bits * (k % lanes));
      words.forEach((word, i) => {
        expect(word & ~mask, `weight ${k}, word ${i}`).toBe(0);
        expect(word !== 0).toBe(i === Math.floor(k / lanes));
      });
    }
  });

  it("are refused where they do not hold a dtype", () => {
    expect(() => packingOf({ dtype: "int8", packing: "pair4" })).toThrow(
      new InputError("packing pair4 of int8 weights, expected one of field8"),
    );
  });
});

function packed({ groupBytes, pack }: Packing, weights: Int8Array, inputs: number): Uint8Array {
  const bytes = new Uint8Array(groupBytes(inputs));
  pack(new DataView(bytes.buffer), 0, weights, inputs);
  return bytes;
}

function unpacked({ unpack }: Packing, bytes: Uint8Array, count: number, inputs: number): Int8Array {
  const weights = new Int8Array(count);
  unpack(new DataView(bytes.buffer, bytes.byteOffset), 0, weights, inputs);
  return weights;
}
