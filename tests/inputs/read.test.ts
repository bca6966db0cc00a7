import fc from "fast-check";
import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { idat, ihdr, png } from "./png.ts";

const NPY = writeNpy({ dtype: "f32", shape: [2, 2], data: Float32Array.of(1, -2, 3, 4) });
const IDX = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);
const PALETTE = [255, 0, 0, 0, 200, 100];
const PNG = png(
  ["IHDR", ihdr(3, 2, 1, 3)],
  ["PLTE", PALETTE],
  ["tRNS", [9]],
  ["IDAT", idat([0, 64], [4, 32])],
  ["IEND", []],
);
const FILES = { "a.npy": NPY, "a.idx": IDX, "a.png": PNG, "a.npy.gz": gzipSync(NPY), "a.idx.gz": gzipSync(IDX) };

/** Reads, or throws what is no InputError. */
function survives(bytes: Uint8Array): "read" | "refused" {
  try {
    readInput(bytes, "a");
    return "read";
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return "refused";
  }
}

describe("readInput", () => {
  it.each([
    ["a.npy", "npy", [2, 2]],
    ["a.idx", "idx", [2, 3]],
    ["a.png", "png", [2, 3, 3]],
    ["a.npy.gz", "npy", [2, 2]],
    ["a.idx.gz", "idx", [2, 3]],
  ] as const)("tells %s by its first bytes", (name, kind, shape) => {
    expect(readInput(FILES[name], name)).toMatchObject({ kind, shape });
  });

  it("refuses other files", () => {
    const expected = "expected a .npy, idx or PNG file, or one of these in gzip";
    expect(() => readInput(new Uint8Array(0), "a")).toThrow(new InputError(`a: is an empty file, ${expected}`));
    const text = new TextEncoder().encode("P5 28 28 255");
    expect(() => readInput(text, "a")).toThrow(new InputError(`a: begins with 50 35 20 32 38 20 32 38, ${expected}`));
    expect(() => readInput(gzipSync(text), "a")).toThrow(`a (unzipped): begins with 50 35`);
    expect(() => readInput(gzipSync(gzipSync(IDX)), "a")).toThrow(`a (unzipped): is a gzip archive, ${expected}`);
  });

  describe.each(Object.entries(FILES))("hostile %s", (_, bytes) => {
    it("is refused when cut anywhere", () => {
      for (let length = 0; length < bytes.length; length++) expect(survives(bytes.subarray(0, length))).toBe("refused");
    });

    it("is read or refused when any bit is flipped", () => {
      for (let bit = 0; bit < 8 * bytes.length; bit++)
        survives(bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7))));
    });

    it("is read or refused when bytes change at random", () => {
      const change = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255) });
      fc.assert(
        fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
          const changed = bytes.slice();
          for (const { at, value } of changes) changed[at] = value;
          survives(changed);
        }),
        { numRuns: 1000 },
      );
    });
  });
});
