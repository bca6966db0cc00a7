import { describe, expect, it } from "vitest";
import { BlobError, InputError } from "../../host/base/errors.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Description, Op, Program } from "../../host/program.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { programOf, requantize, smallLine, thresholds } from "../module/programs.ts";

const base = programOf(
  [
    ["u8", 4],
    ["u8", 4],
  ],
  [{ kind: "quantize", inputs: [0], output: 1, post: thresholds({ base: 0, up: [1] }) }],
);

/** The program with its only op changed. */
function withOp(change: object): Partial<Program> {
  return { ops: [{ ...base.ops[0]!, ...change } as Op] };
}

const line = smallLine(1, 0, 0);

describe("a program that is none is refused:", () => {
  const post = thresholds({ base: 0, up: [1] });
  it.each<[string, object, string]>([
    ["records", { post: { ...post, records: 2 } }, "post.records: found 2, expected 1 or 4"],
    ["a count", { post: { ...post, count: 1n } }, "post.count: found bigint, expected a whole number"],
    ["steps", { post: { ...post, steps: new Int32Array(2) } }, "post.steps: found 2 entries, expected 1"],
    ["codes", { post: requantize({ lo: NaN, hi: 2, rounding: "floor" }, line) }, "post.lo: found NaN"],
    [
      "a rounding",
      { post: { ...requantize({ lo: 0, hi: 2, rounding: "floor" }, line), rounding: "up" } },
      "post.rounding",
    ],
    [
      "a table",
      { post: { kind: "lookup", table: new Int16Array(257) } },
      "post.table: found 257 entries, expected 256",
    ],
    [
      "scores",
      { post: { kind: "scores", multiplier: new Int32Array(1), offset: new BigInt64Array(1) } },
      "multiplier: found 1",
    ],
    ["weights of what has none", { weights: undefined }, "ops[0].dtype: found undefined"],
    ["a tile", { tileChannels: 0 }, "tileChannels: found 0"],
    ["a packing", { weights: new Int8Array(16), dtype: "int8", packing: Symbol("p") }, "packing: found symbol"],
  ])("%s", (_, change, why) => {
    const program = { ...base, ...withOp(change) };
    for (const check of [() => writeBlob(program), () => sampleInputs(program, 1)]) {
      expect(check).toThrow(InputError);
      expect(check).toThrow(why);
    }
  });

  it("a description that no JSON holds", () => {
    const write = () => writeBlob({ ...base, description: { name: 1n } as unknown as Description });
    expect(write).toThrow(InputError);
    expect(write).toThrow("description.name: found bigint");
  });
});

describe("a number that its field cannot hold is refused, not wrapped:", () => {
  it.each<[string, Partial<Program>, string]>([
    ["outputs", { outputs: new Array(10_000).fill(1) }, "byte 43: number of outputs 10000, expected 0 to 255"],
    ["outputs", { outputs: new Array(256).fill(1) }, "byte 43: number of outputs 256, expected 0 to 255"],
    ["inputs", { inputs: new Array(256).fill(0) }, "byte 42: number of inputs 256, expected 0 to 255"],
    ["tensors", { tensors: new Array(65_536).fill(base.tensors[0]) }, "byte 38: number of tensors 65536"],
    ["ops", { ops: new Array(65_536).fill(base.ops[0]) }, "byte 40: number of ops 65536"],
    ["a tile", withOp({ tileChannels: 65_536 }), "channels of a tile 65536, expected 0 to 65535"],
    [
      "steps",
      withOp({ post: { ...thresholds({ base: 0 }), count: 65_536, steps: new Int32Array(65_536) } }),
      "steps of a record 65536",
    ],
    [
      "a code",
      withOp({ post: requantize({ lo: 0, hi: 2 ** 15, rounding: "floor" }, line) }),
      "greatest code 32768, expected",
    ],
  ])("%s", (_, change, why) => {
    const write = () => writeBlob({ ...base, ...change });
    expect(write).toThrow(BlobError);
    expect(write).toThrow(why);
  });

  it("parts", () => {
    const part = { kind: 4, flags: 0, bytes: new Uint8Array(0) };
    expect(() => writeBlob(base, new Array(65_535).fill(part))).toThrow("byte 36: number of parts 65536");
    expect(() => writeBlob(base, [{ ...part, kind: 65_536 }])).toThrow("kind of a part 65536");
    expect(() => writeBlob(base, [{ ...part, flags: 65_536 }])).toThrow("flags of a part 65536");
  });

  it("records that are too far apart", () => {
    const count = 16_383; // 4 + 4 · count does not fit 16 bits
    const post = { ...thresholds(...base.tensors.flatMap(() => [{ base: 0 }, { base: 0 }])), count };
    post.steps = new Int32Array(4 * count);
    expect(() => writeBlob({ ...base, ...withOp({ post }) })).toThrow("bytes of a record 65536, expected 0 to 65535");
  });

  it("a blob of 4 GiB", () => {
    const wide = programOf(
      [
        ["u8", 2 ** 20],
        ["i32", 2 ** 12 + 1],
      ],
      [{ kind: "dense", inputs: [0], output: 1, dtype: "int8", weights: new Int8Array(0) }],
    );
    expect(() => writeBlob(wide)).toThrow(BlobError);
  });
});
