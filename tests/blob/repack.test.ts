import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlobError, InputError } from "../../host/base/errors.ts";
import { PACKING } from "../../host/blob/layout.ts";
import { packingOf, WEIGHTS } from "../../host/blob/pack/pack.ts";
import { readBlob, readWhole } from "../../host/blob/read.ts";
import { repack, repackForModule } from "../../host/blob/repack.ts";
import { FASTEST, TARGETS, type Target } from "../../host/blob/targets.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { lower } from "../../host/lower/lower.ts";
import type { ActivationDtype, DenseOp, Op, PackingName, Program, WeightDtype } from "../../host/program.ts";
import { Random, randomGraph } from "../graph/random.ts";
import { OPTIONS } from "../lower/agree.ts";
import { programOf, randomProgram, SMALL, thresholds, weights } from "../module/programs.ts";
import { windowOf } from "../ops/windows.ts";
import { seedCount } from "../seeds.ts";
import { packingsOf, VARIANTS } from "../variants.ts";

const NAMES = Object.keys(TARGETS) as Target[];

/** A program without what repacking may change. */
function model(program: Program): Program {
  return { ...program, ops: program.ops.map(({ tileChannels: _, ...op }) => ({ ...op, packing: undefined }) as Op) };
}

function packingsIn(program: Program): PackingName[] {
  return program.ops.flatMap((op) => (op.kind === "dense" ? [packingOf(op).name] : []));
}

/** Random programs in tiles that the writer chooses. */
function randomBlob(seed: number): Uint8Array {
  const program = randomProgram(new Random(seed), Object.keys(PACKING) as PackingName[]);
  for (const op of program.ops) delete op.tileChannels;
  return writeBlob(program);
}

describe("repack", () => {
  it.each(NAMES)("for %s loses nothing, whatever the packings were", (target) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const blob = randomBlob(seed);
        const repacked = repack(blob, target);
        expect(model(readBlob(repacked))).toEqual(model(readBlob(blob)));
        expect(Buffer.compare(repack(repacked, target), repacked), "once is enough").toBe(0);
        const any = repack(blob, "any");
        expect(Buffer.compare(repack(repacked, "any"), any), "and back").toBe(0);
      }),
      { numRuns: seedCount(300) },
    );
  });

  it.each(NAMES)("for %s keeps ids, description, self-test and parts that it does not know", (target) => {
    const { program } = lower(randomGraph(2), OPTIONS);
    const named = { ...program, modelId: 77n, modelVersion: 3 };
    const unknown = [{ kind: 900, flags: 0, bytes: Uint8Array.of(1, 2, 3) }];
    const { program: read, unknown: kept } = readWhole(repack(writeBlob(named, unknown), target));
    expect(program.description).toBeDefined();
    expect(model(read)).toEqual(model(named));
    expect(kept).toEqual(unknown);
  });

  it("for any gives each dtype its first packing, and leaves what has it as it is", () => {
    for (const small of Object.values(SMALL)) {
      const program = { ...small, ops: small.ops.map((op) => ({ ...op, tileChannels: undefined }) as Op) };
      expect(Buffer.compare(repack(writeBlob(program), "any"), writeBlob(program)), "tiles too").toBe(0);
    }
    const firsts = Object.values(WEIGHTS).map(({ packings }) => packings[0].name);
    for (let seed = 0; seed < 100; seed++) {
      for (const name of packingsIn(readBlob(repack(randomBlob(seed), "any")))) expect(firsts).toContain(name);
    }
  });

  it("for a Cortex-M0 with wasm3 makes small tiles", () => {
    const small = readBlob(repack(writeBlob(dense("ternary", "u8", 3, 30)), "cortex-m0:wasm3"));
    expect(small.ops[1]).toMatchObject({ tileChannels: 4 });
    const smaller = readBlob(repack(writeBlob(dense("ternary", "u8", 3, 3)), "cortex-m0:wasm3"));
    expect(smaller.ops[1]).toMatchObject({ tileChannels: 3 });
  });

  it.each(["mars", "toString", ""])("refuses the target %j", (target) => {
    const blob = writeBlob(Object.values(SMALL)[0]!);
    expect(() => repack(blob, target as Target)).toThrow(
      new InputError(
        `target: found "${target}", expected one of any, storage, browser, x86, arm64, cortex-m0, cortex-m3, cortex-m4, cortex-m7, cortex-m0:wasm3, cortex-m3:wasm3, cortex-m4:wasm3, cortex-m7:wasm3, rv32, rv32:wasm3`,
      ),
    );
  });

  it("refuses a blob that breaks the format", () => {
    const blob = writeBlob(Object.values(SMALL)[0]!);
    expect(() => repack(blob.with(200, blob[200]! ^ 1), "any")).toThrow(BlobError);
  });
});

/** i32 → codes 0 … `most` → a dense op of so many channels. */
function dense(dtype: WeightDtype, input: ActivationDtype, most: number, channels: number): Program {
  const base = input === "i8" ? -(most + 1) / 2 : input === "bit" ? -1 : 0;
  const up = Array.from({ length: most }, (_, i) => i);
  return programOf(
    [
      ["i32", 4],
      [input, 4],
      ["i32", channels],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: thresholds({ base, up }) },
      { kind: "dense", inputs: [1], output: 2, dtype, weights: new Int8Array(4 * channels).fill(1) },
    ],
  );
}

describe("depthwise convolutions", () => {
  const { ops, ...rest } = randomDepthwise(6, 12);

  it.each(NAMES)("are in tap8 for %s, and stay what they were", (target) => {
    const bare = writeBlob({ ...rest, ops: ops.map((op) => ({ ...op, packing: "field4" }) as Op) });
    const repacked = repack(bare, target);
    expect(readBlob(repacked).ops[0]).toMatchObject({ packing: "tap8", groups: 6 });
    expect(model(readBlob(repacked))).toEqual(model(readBlob(bare)));
    expect(Buffer.compare(repack(repacked, target), repacked), "once is enough").toBe(0);
  });

  it("keep their packing where a module has no tap8, and groups of one channel alone are no such", () => {
    const field4 = 1 << PACKING.field4;
    const bare = { ...rest, ops: ops.map((op) => ({ ...op, packing: "field4" }) as Op) };
    expect(repackForModule(bare, [], field4).ops[0]).toMatchObject({ packing: "field4" });
    expect(repackForModule(bare, [], 0xffff).ops[0]).toMatchObject({ packing: "tap8" });
    const alone = readBlob(repack(writeBlob(randomDepthwise(1, 4)), "any"));
    expect(packingOf(alone.ops[0] as DenseOp).name).toBe("field4");
  });
});

/** A convolution of int4 by 3 × 3, in as many groups as there are channels. */
function randomDepthwise(channels: number, outputs: number): Program {
  const random = new Random(channels);
  const window = windowOf({});
  return programOf(
    [
      ["u8", [4, 4, channels]],
      ["i32", [4, 4, outputs]],
    ],
    [
      {
        ...{ kind: "conv2d", inputs: [0], output: 1, window, groups: channels, pad: 0, dtype: "int4" },
        weights: weights("int4", 9 * outputs, random),
      },
    ],
  );
}

describe("what runs fastest", () => {
  it.each<[WeightDtype, ActivationDtype, number, number, PackingName, PackingName, PackingName]>([
    // weights, codes, the greatest of them, channels: in simd, in relaxed, there without a dot product of bytes
    ["binary", "bit", 1, 8, "sign128", "sign128", "sign128"],
    ["ternary", "u8", 15, 7, "field2", "field2", "field2"],
    ["ternary", "u8", 15, 63, "field2", "field2x16", "field2"],
    ["ternary", "u8", 15, 64, "pair4", "field2x16", "field2"],
    ["ternary", "u8", 30, 128, "pair4", "field2x16", "pair4"],
    ["ternary", "i8", 15, 127, "pair4", "field2x16", "field2"],
    ["ternary", "u8", 31, 96, "field2", "field2x16", "field2"],
    ["ternary", "u8", 127, 160, "pair4", "field2x16", "field2"],
    ["ternary", "i8", 255, 2048, "pair4", "field2x16", "field2"],
    ["ternary", "u8", 128, 64, "field2", "field2x16", "field2x16"],
    ["ternary", "u8", 128, 7, "field2", "field2", "field2"],
    ["int3", "u8", 255, 8, "field4", "field4", "field4"],
    ["int2", "u8", 15, 256, "field2", "field2x16", "field2"],
    ["int4", "u8", 15, 256, "field4", "field4", "field4"],
    ["int8", "u8", 15, 256, "field8", "field8", "field8"],
  ])(
    "%s × %s up to %i, %i channels: %s in simd, %s or %s in relaxed",
    (dtype, input, most, channels, simd, wide, narrow) => {
      const program = dense(dtype, input, most, channels);
      const all = 0xffff;
      expect(packingsIn(repackForModule(program, FASTEST.simd, all))).toEqual([simd]);
      expect(packingsIn(repackForModule(program, FASTEST.relaxed, all, { wide: true }))).toEqual([wide]);
      expect(packingsIn(repackForModule(program, FASTEST.relaxed, all, { wide: false }))).toEqual([narrow]);
      expect(packingsIn(repackForModule(program, FASTEST.scalar, all))).toEqual(packingsIn(program));
    },
  );

  it.each(Object.entries(FASTEST))("of %s are packings that it was built for", (variant, choices) => {
    for (const { packing } of choices) expect(packingsOf(VARIANTS[variant]!)).toContain(packing);
  });

  it("is chosen among what a module was built for", () => {
    const program = dense("ternary", "u8", 15, 256);
    const field2 = 1 << PACKING.field2;
    expect(packingsIn(repackForModule(program, FASTEST.simd, field2))).toEqual(["field2"]);
    const stored = readBlob(repack(writeBlob(program), "storage"));
    expect(packingsIn(stored)).toEqual(["trit5"]);
    expect(packingsIn(repackForModule(stored, FASTEST.simd, field2))).toEqual(["field2"]);
    expect(packingsIn(repackForModule(stored, FASTEST.scalar, field2))).toEqual(["field2"]);
    expect(packingsIn(repackForModule(stored, [], 0)), "it runs none").toEqual(["trit5"]);
  });
});
