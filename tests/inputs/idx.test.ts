import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { slices } from "../../tools/inputs/byte_stream.ts";
import { concat } from "../../tools/inputs/concat.ts";
import { gunzip } from "../../tools/inputs/inflate.ts";
import { readInput } from "../../tools/inputs/read.ts";

/** Bytes that deflate can only store. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state & 255;
  });
}

const IDX = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);

describe("an idx file", () => {
  it("reads unsigned bytes", () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6);
    expect(readInput(IDX, "a")).toEqual({ kind: "idx", dtype: "u8", shape: [2, 3], data });
  });

  it.each([
    [2, 13, "a, byte 2: idx elements of type 13 (float), expected 8 (unsigned byte)"],
    [2, 7, "a, byte 2: idx elements of type 7 (unknown), expected 8 (unsigned byte)"],
    [3, 5, "a, byte 16: needs 4 bytes, but 2 are left"],
    [7, 3, 'a, byte 12: 6 bytes of elements, expected 9 for shape [3, 3] of "unsigned byte"'],
    [7, 1, 'a, byte 12: more than 3 bytes of elements, expected 3 for shape [1, 3] of "unsigned byte"'],
    [8, 255, "a: more than 268435456 bytes of elements, too many to read at once"],
  ])("refuses byte %i = %i", (at, value, message) => {
    const bytes = IDX.with(at, value);
    expect(() => readInput(bytes, "a")).toThrow(new InputError(message));
  });
});

function unzipped(bytes: Uint8Array): Uint8Array {
  return concat(Array.from(gunzip(slices(bytes), "a.gz")));
}

describe("gunzip", () => {
  // lengths around the slices in which the input is inflated, with content that deflate can only store
  it.each([0, 1, 65_000, 65_500, 65_512, 65_513, 65_514, 65_515, 65_520, 65_536, 200_000])(
    "inflates %i bytes",
    (length) => {
      const bytes = noise(length);
      expect(Buffer.compare(unzipped(gzipSync(bytes)), bytes)).toBe(0);
    },
  );

  it("checks length and CRC", () => {
    const bytes = gzipSync(IDX);
    const damaged = bytes.with(bytes.length - 8, bytes.at(-8)! ^ 1);
    expect(() => unzipped(damaged)).toThrow(
      /^a.gz: gzip content has 18 bytes with CRC 0x\w{8}, expected 18 bytes with CRC 0x\w{8}$/,
    );
  });
});
