import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { BlobError } from "../../host/base/errors.ts";
import { align16, HEADER, HEADER_BYTES, OP, PACKING, PART, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { headBytesOf, writeBlob } from "../../host/blob/write.ts";
import { lower } from "../../host/lower/lower.ts";
import { planeOf } from "../../host/numbers/plane.ts";
import type { ActivationDtype, Op, PackingName, Program } from "../../host/program.ts";
import { elementBytes } from "../../host/shape.ts";
import { cpuMilliseconds } from "../cpu.ts";
import { Random, randomGraph } from "../graph/random.ts";
import { OPTIONS } from "../lower/agree.ts";
import { expectIs, WAYS } from "../module/agree.ts";
import { type Machine, machine, seal } from "../module/machine.ts";
import {
  programOf,
  randomProgram,
  requantize,
  SMALL,
  smallLine,
  type TensorOf,
  thresholds,
} from "../module/programs.ts";
import { describeModules } from "../variants.ts";

/** The program as the reader gives it: with the tiles that the writer chose. */
function withoutTiles(program: Program): Program {
  return { ...program, ops: program.ops.map(({ tileChannels: _, ...op }) => op as Op) };
}

describe("readBlob and writeBlob", () => {
  it("are inverse, and the same program gives the same bytes", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const program = randomProgram(new Random(seed), Object.keys(PACKING) as PackingName[]);
        const blob = writeBlob(program);
        const again = readBlob(blob);
        expect(withoutTiles(again)).toEqual(withoutTiles(program));
        expect(Buffer.compare(writeBlob(again), blob)).toBe(0);
        expect(Buffer.compare(writeBlob(structuredClone(program)), blob)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it("keep a description", () => {
    const { program } = lower(randomGraph(2), OPTIONS);
    expect(program.description).toBeDefined();
    expect(withoutTiles(readBlob(writeBlob(program)))).toEqual(program);
  });

  it("read a blob that lies somewhere in a buffer", () => {
    const blob = writeBlob(Object.values(SMALL)[0]!);
    const buffer = new Uint8Array(blob.length + 7);
    buffer.set(blob, 5);
    expect(readBlob(buffer.subarray(5, 5 + blob.length))).toEqual(readBlob(blob));
  });
});

/** 18 channels of ternary weights. */
function ternary(packing: PackingName, inputs: number): Program {
  const weights = Int8Array.from({ length: 18 * inputs }, (_, i) => ((i * 7) % 3) - 1);
  return programOf(
    [
      ["u8", inputs],
      ["i32", 18],
    ],
    [{ kind: "dense", inputs: [0], output: 1, dtype: "ternary", packing, weights }],
  );
}
const TRITS = ternary("trit5", 8);
const PAIR4 = ternary("pair4", 5); // 16 channels in the first group, 2 in the second
const SIGNS = programOf(
  [
    ["bit", 5],
    ["i32", 2],
  ],
  [{ kind: "dense", inputs: [0], output: 1, dtype: "binary", packing: "sign128", weights: new Int8Array(10).fill(-1) }],
);
const STORED = { "binary in sign128": SIGNS, "ternary in trit5": TRITS, "ternary in pair4": PAIR4 };

describe.each(Object.entries({ ...SMALL, ...STORED }))("the reader refuses of a small blob, %s:", (_, program) => {
  const blob = writeBlob(program);

  it("every truncation, and bytes behind the end", () => {
    for (let bytes = 0; bytes < blob.length; bytes++) expectRefused(blob.slice(0, bytes));
    expectRefused(Uint8Array.of(...blob, 0));
    expectRefused(Uint8Array.of(...blob, ...new Uint8Array(16)));
  });

  it("every flipped bit", () => {
    for (let bit = 0; bit < 8 * blob.length; bit++) expectRefused(flipped(blob, bit));
  });
});

/** A program with a description and a self-test. */
function complete(): Program {
  const { program } = lower(randomGraph(2), OPTIONS);
  const bytes = (ports: number[]) =>
    new Uint8Array(ports.reduce((sum, t) => sum + elementBytes(program.tensors[t]!), 0));
  program.selfTest = { inputs: [bytes(program.inputs)], outputs: [bytes(program.outputs)] };
  return program;
}

describe("parts: reader and writer", () => {
  const program = Object.values(SMALL)[0]!;

  it.each([4, 900, 0xffff])("skip an unknown optional part, kind %i", (kind) => {
    const blob = writeBlob(program, [{ kind, flags: 0, bytes: Uint8Array.of(1, 2, 3) }]);
    expect(readBlob(blob)).toEqual(readBlob(writeBlob(program)));
  });

  it("refuse an unknown part that is required", () => {
    const blob = writeBlob(program, [{ kind: 4, flags: 1, bytes: Uint8Array.of(1, 2, 3) }]);
    expectRefused(blob, "part of unknown kind 4 is required");
  });

  it("refuse parts twice, out of order, or apart", () => {
    const part = (kind: number) => ({ kind, flags: 0, bytes: Uint8Array.of(kind) });
    expectRefused(writeBlob(program, [part(4), part(4)]), "part of kind 4 behind one of 4");
    expectRefused(writeBlob(program, [part(5), part(4)]), "part of kind 4 behind one of 5");
    expectRefused(writeBlob(program, [part(1)]), "part of kind 1 behind one of 1");
    const blob = writeBlob(program, [part(4)]);
    const view = new DataView(blob.buffer);
    view.setUint32(HEADER_BYTES + PART_BYTES + PART.offset, view.getUint32(HEADER_BYTES + PART.offset, true), true);
    expectRefused(sealed(blob), "part 1 at byte");
  });

  it("refuse a blob without weights part", () => {
    const blob = writeBlob(program, [{ kind: 4, flags: 0, bytes: new Uint8Array(0) }]);
    const view = new DataView(blob.buffer);
    view.setUint16(HEADER_BYTES + PART.kind, 3, true);
    view.setUint16(HEADER_BYTES + PART.flags, 0, true);
    expectRefused(sealed(blob), "no weights part");
  });

  it("of a lowered graph are read back with description and self-test", () => {
    const whole = complete();
    expect(withoutTiles(readBlob(writeBlob(whole)))).toEqual(whole);
  });

  it("refuse a self-test of other sizes", () => {
    expectRefused(writeBlob({ ...program, selfTest: { inputs: [], outputs: [] } }), "self-test pairs of 0 and 0 bytes");
  });

  it("refuse a description that does not fit the program", () => {
    const whole = complete();
    const { description } = whole;
    for (const wrong of [
      { ...description!, name: 7 },
      { ...description!, inputs: [] },
      { ...description!, tensors: [] },
      { ...description!, surplus: 1 },
    ]) {
      expectRefused(writeBlob({ ...whole, description: wrong as unknown as NonNullable<typeof description> }));
    }
  });
});

describe("the reader refuses a plane", () => {
  const facet = { multiplier: 1n, second: 1n, offset: 0n, lo: 0, hi: 7, shift: 3 };
  const of = (
    from: ActivationDtype,
    second: TensorOf,
    to: ActivationDtype,
    more: Partial<typeof facet> = {},
  ): Program => {
    const ops: Op[] = [{ kind: "quantize", inputs: [0, 1], output: 2, post: planeOf([{ ...facet, ...more }]) }];
    return programOf([[from, 3], second, [to, 3]], ops, { inputs: [0, 1] });
  };
  const add: Op = { kind: "add", inputs: [0, 1, 1], output: 2, factors: [1, 1], post: planeOf([facet]) as never };
  it.each<[string, Program, string]>([
    ["of codes", of("u8", ["u8", 3], "u8"), "plane of u8, expected i32"],
    ["with a second input of sums", of("i32", ["i32", 3], "u8"), "plane of i32 × 3 → u8 × 3, expected codes in bytes"],
    ["with a second input of bits", of("i32", ["bit", 3], "u8"), "plane of bit × 3 → u8 × 3, expected codes in bytes"],
    [
      "with fewer codes",
      of("i32", ["u8", 2], "u8"),
      "plane of u8 × 2 → u8 × 3, expected codes in bytes, as many of each",
    ],
    ["with codes at more positions", of("i32", ["u8", [1, 2, 3]], "u8"), "as many of each"],
    ["to bits", of("i32", ["u8", 3], "bit"), "plane of u8 × 3 → bit × 3"],
    ["without codes between its ends", of("i32", ["u8", 3], "u8", { lo: 8 }), "codes from 8 to 7"],
    ["without a shift", of("i32", ["u8", 3], "u8", { shift: 0 }), "shift 0, expected 1 to 62"],
    ["of a shift as wide as 64 bits", of("i32", ["u8", 3], "u8", { shift: 63 }), "shift 63, expected 1 to 62"],
    [
      "behind an add",
      programOf(
        [
          ["u8", 3],
          ["u8", 3],
          ["u8", 3],
        ],
        [add],
        { inputs: [0, 1] },
      ),
      "post plane, expected thresholds or requantize",
    ],
  ])("%s", (_, bad, why) => {
    expectRefused(writeBlob(bad), why);
  });
});

describe("a hostile blob", () => {
  const program = programOf(
    [
      ["u8", 4],
      ["u8", 4],
    ],
    [{ kind: "quantize", inputs: [0], output: 1, post: thresholds({ base: 0, up: [3, 9] }) }],
  );

  it.each<[string, (view: DataView, op: number) => void, string]>([
    ["unsorted steps", (view) => view.setInt32(tileAt(view) + 4, 10, true), "step 9 below the one before, 10"],
    ["more rising steps than steps", (view) => view.setUint16(tileAt(view) + 2, 3, true), "3 rising steps of 2"],
    ["tiles of no channels", (view, op) => view.setUint16(op + OP.tileChannels, 0, true), "tiles of 0 channels"],
    [
      "an op that writes what it reads",
      (view, op) => view.setUint16(op + OP.output, 0, true),
      "op 0 writes tensor 0 a second time",
    ],
    ["a tensor that is not there", (view, op) => view.setUint16(op + OP.output, 2, true), "tensor 2, but there are 2"],
    ["a field that the op does not have", (view, op) => view.setUint8(op + OP.left, 1), "not canonical"],
    ["a feature that it does not need", (view) => view.setUint32(HEADER.ops, 6, true), "not canonical"],
    [
      "an arena that is too small",
      (view) => view.setUint32(HEADER.arenaPerRow, 16, true),
      "of an arena of 16 with 1 rows",
    ],
    ["no rows", (view) => view.setUint32(HEADER.maxRows, 0, true), "up to 0 rows, expected 1 to 1048576"],
  ])("with %s: a reason", (_, change, reason) => {
    const blob = writeBlob(program);
    const view = new DataView(blob.buffer);
    change(view, HEADER_BYTES + PART_BYTES + 2 * TENSOR_BYTES);
    expectRefused(sealed(blob), reason);
  });

  it.each<[string, (view: DataView, tile: number, op: number) => void, string]>([
    ["a nibble above 8", (view, tile) => view.setUint8(tile + 64 + 3, 0x09), "ternary weight [3, 0] is 2"],
    ["a nibble above 8 behind", (view, tile) => view.setUint8(tile + 96 + 64 + 16 + 1, 0x0c), "[17, 4] is 3"],
    ["another sum of a channel", (view, tile) => view.setInt32(tile + 4, 5, true), "not canonical"],
    ["the sum of a channel that is not there", (view, tile) => view.setUint8(tile + 96 + 8, 1), "not canonical"],
    ["weights of it", (view, tile) => view.setUint8(tile + 96 + 64 + 15, 0x40), "not canonical"],
    ["a weight behind the last input", (view, tile) => view.setUint8(tile + 64 + 16, 0x08), "not canonical"],
    ["a pair behind the last input", (view, tile) => view.setUint8(tile + 64 + 17, 0x44), "not canonical"],
    [
      "a group that spans two tiles",
      (view, _, op) => view.setUint16(op + OP.tileChannels, 17, true),
      "tiles of 17 channels in pair4, expected a multiple of 16",
    ],
    ["weights that pair4 cannot hold", (view, _, op) => view.setUint8(op + OP.dtype, 5), "packing pair4 of int8"],
  ])("with, in pair4, %s: a reason", (_, change, reason) => {
    const blob = writeBlob(PAIR4);
    const view = new DataView(blob.buffer);
    change(view, tileAt(view), HEADER_BYTES + PART_BYTES + 2 * TENSOR_BYTES);
    expectRefused(sealed(blob), reason);
  });

  it.each<[string, number, number[], string]>([
    ["bytes above 242", 4, Array.from({ length: 13 }, (_, i) => 243 + i), "ternary weight [1, 4] is 2"],
    ["bytes above 242 with three weights", 5, Array.from({ length: 13 }, (_, i) => 243 + i), "not canonical"],
    ["digits behind the last weight", 1, [27, 81, 242], "not canonical"],
    ["bytes behind the last weight", 2, [1, 255], "not canonical"],
  ])("with, in trit5, %s: a reason", (_, at, bytes, reason) => {
    for (const byte of bytes) {
      const blob = writeBlob(TRITS);
      const view = new DataView(blob.buffer);
      view.setUint8(tileAt(view) + at, byte);
      expectRefused(sealed(blob), reason);
    }
  });

  it("with fixed-point codes from 1 to 0: a reason", () => {
    const post = requantize({ lo: 1, hi: 0, rounding: "floor" }, smallLine(1, 0, 0));
    expectRefused(
      writeBlob({ ...program, ops: [{ kind: "quantize", inputs: [0], output: 1, post }] }),
      "codes from 1 to 0",
    );
  });

  // Each claim is cheap to make; what it costs the reader is bounded by the bytes that are there.
  it("with 65,535 parts, ops or both that all claim the same bytes is refused at once", () => {
    const many = (name: "partCount" | "opCount", recordBytes: number, at: number) => {
      const blob = writeBlob(program);
      const view = new DataView(blob.buffer);
      const copies = 65_535 - 1;
      const grown = new Uint8Array(align16(blob.length + copies * recordBytes));
      grown.set(blob.subarray(0, at));
      for (let i = 0; i < copies; i++) grown.set(blob.subarray(at, at + recordBytes), at + i * recordBytes);
      grown.set(blob.subarray(at), at + copies * recordBytes);
      const grownView = new DataView(grown.buffer);
      grownView.setUint16(HEADER[name], 65_535, true);
      grownView.setUint32(HEADER.totalBytes, grown.length, true);
      const headBytes = align16(view.getUint32(HEADER.headBytes, true) + copies * recordBytes);
      grownView.setUint32(HEADER.headBytes, headBytes, true);
      return seal(grown, headBytes, 1);
    };
    const start = cpuMilliseconds();
    expectRefused(many("partCount", PART_BYTES, HEADER_BYTES));
    expectRefused(many("opCount", 32, HEADER_BYTES + PART_BYTES + 2 * TENSOR_BYTES));
    expect(cpuMilliseconds() - start).toBeLessThan(2000);
  });

  function tileAt(view: DataView): number {
    return view.getUint32(HEADER_BYTES + PART.offset, true);
  }
});

describe("the head", () => {
  it("of a net of 30 layers takes at most 2.5 KB", () => {
    const sizes = Array.from({ length: 32 }, () => 4);
    const ops = sizes.slice(1).map((_, i): Op => {
      const ends = { inputs: [i], output: i + 1 };
      if (i === 0) return { kind: "quantize", ...ends, post: thresholds({ base: 0, up: [1] }) };
      const dense = {
        kind: "dense" as const,
        ...ends,
        dtype: "ternary" as const,
        weights: new Int8Array(16),
      } satisfies Op;
      return i === 30 ? dense : { ...dense, post: thresholds({ base: 0, up: [1] }) };
    });
    const program = programOf(
      sizes.map((channels, i) => [i === 31 ? "i32" : "u8", channels]),
      ops,
    );
    const whole = writeBlob({ ...program, selfTest: { inputs: [], outputs: [] } });
    expect(ops).toHaveLength(31); // the quantizer of the input, and 30 layers
    expect(new DataView(whole.buffer).getUint32(HEADER.headBytes, true)).toBe(headBytesOf(program, 2));
    expect(headBytesOf(program, 3)).toBeLessThanOrEqual(2560);
  });
});

describeModules("open", (engine, module) => {
  const MEMORY = 65_536;
  let at: Machine;
  beforeAll(async () => {
    at = await machine(engine, module, MEMORY);
  });

  const program = complete();
  const blob = writeBlob(program);
  const view = new DataView(blob.buffer);
  const headBytes = view.getUint32(HEADER.headBytes, true);
  const weightsEnd = headBytes + view.getUint32(HEADER_BYTES + PART.bytes, true);

  /** The status of open with the blob at the start of memory. */
  function open(bytes: Uint8Array, way: (typeof WAYS)[number], imageBytes = bytes.length): number {
    const image = bytes.subarray(0, way === "resident" ? imageBytes : Math.min(imageBytes, headBytes));
    at.memory().set(image, 16);
    at.flash = bytes;
    const work = 16 + align16(image.length);
    return at.open(16, image.length, work, MEMORY - work, 1);
  }

  it.each(WAYS)("accepts the blob: %s", (way) => {
    expect(open(blob, way)).toBe(0);
  });

  it("refuses every truncation, also where memory ends with it", () => {
    for (let bytes = 0; bytes < blob.length; bytes++) {
      if (bytes === headBytes) continue; // that is how the weights are streamed
      expectIs(open(blob, "resident", bytes) !== 0, true, `${bytes} bytes`);
      const end = (MEMORY - bytes) & ~15;
      at.memory().fill(0);
      at.memory().set(blob.subarray(0, bytes), end);
      expectIs(at.plan(end, bytes, 1) < 0, true, `plan: ${bytes} bytes at the end of memory`);
      expectIs(at.open(end, bytes, MEMORY, 0, 1) !== 0, true, `${bytes} bytes at the end of memory`);
    }
  });

  it.each(WAYS)("refuses every flipped bit of what it reads: %s", (way) => {
    for (let bit = 0; bit < 8 * weightsEnd; bit++) {
      const status = open(flipped(blob, bit), way);
      const unread = bit >= 8 * HEADER.crc && bit < 8 * HEADER.formatVersion; // a boot loader's checksum
      expectIs(status === 0, unread, `bit ${bit}`);
    }
  });

  it("leaves description and self-test to the host", () => {
    for (let bit = 8 * weightsEnd; bit < 8 * blob.length; bit += 97) expectIs(open(flipped(blob, bit), "resident"), 0);
  });

  it("refuses flash that is cut", () => {
    at.memory().set(blob.subarray(0, headBytes), 16);
    const work = 16 + headBytes;
    for (let bytes = 0; bytes < weightsEnd; bytes++) {
      at.flash = blob.subarray(0, bytes);
      expectIs(at.open(16, headBytes, work, MEMORY - work, 1), 14);
    }
  });
});

function flipped(blob: Uint8Array, bit: number): Uint8Array {
  return blob.with(bit >> 3, blob[bit >> 3]! ^ (1 << (bit & 7)));
}

/** With right checksums, where sizes and tables are as they were. */
function sealed(blob: Uint8Array): Uint8Array {
  const view = new DataView(blob.buffer);
  return seal(blob, view.getUint32(HEADER.headBytes, true), view.getUint16(HEADER.partCount, true));
}

function expectRefused(bytes: Uint8Array, reason = ""): void {
  let refusal: unknown;
  try {
    readBlob(bytes);
  } catch (error) {
    refusal = error;
  }
  if (refusal instanceof BlobError && refusal.message.includes(reason)) return; // a loop of `expect` takes longer than the reader
  expect.fail(`found ${refusal}, expected a BlobError with "${reason}"`);
}
