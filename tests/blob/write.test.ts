import { describe, expect, it } from "vitest";
import { BlobError } from "../../host/base/errors.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Op, Program } from "../../host/program.ts";
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

describe("a number that its field cannot hold is refused, not wrapped:", () => {
  it.each<[string, Partial<Program>, string]>([
    ["outputs", { outputs: new Array(10_000).fill(1) }, "byte 43: number of outputs 10000, expected 0 to 255"],
    ["outputs", { outputs: new Array(256).fill(1) }, "byte 43: number of outputs 256, expected 0 to 255"],
    ["inputs", { inputs: new Array(256).fill(0) }, "byte 42: number of inputs 256, expected 0 to 255"],
    ["tensors", { tensors: new Array(65_536).fill(base.tensors[0]) }, "byte 38: number of tensors 65536"],
    ["ops", { ops: new Array(65_536).fill(base.ops[0]) }, "byte 40: number of ops 65536"],
    ["a tile", withOp({ tileChannels: 65_536 }), "channels of a tile 65536, expected 0 to 65535"],
    ["steps", withOp({ post: { ...thresholds({ base: 0 }), count: 65_536 } }), "steps of a record 65536"],
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
