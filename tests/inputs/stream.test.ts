import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { openInput, readInput } from "../../tools/inputs/read.ts";
import { idat, ihdr, png } from "./png.ts";

const ELEMENTS = Uint8Array.from({ length: 300 }, (_, i) => (i * 37) & 255); // (60, 5)
const IDX = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 60, 0, 0, 0, 5, ...ELEMENTS);
const FILES = {
  idx: IDX,
  "idx.gz": gzipSync(IDX),
  "u8 npy": writeNpy({ shape: [60, 5], dtype: "u8", data: ELEMENTS }),
  "f32 npy": writeNpy({ shape: [60, 5], dtype: "f32", data: Float32Array.from(ELEMENTS) }),
  "npy.gz": gzipSync(writeNpy({ shape: [60, 5], dtype: "i16", data: Int16Array.from(ELEMENTS) })),
  png: png(["IHDR", ihdr(5, 2, 8, 0)], ["IDAT", idat([0, 1, 2, 3, 4, 5], [0, 6, 7, 8, 9, 10])], ["IEND", []]),
};

/** The bytes of a file in chunks, and what has become of them. */
function source(bytes: Uint8Array, chunkBytes: number) {
  const seen = { read: 0, closed: false };
  const chunks = (function* () {
    try {
      while (seen.read < bytes.length) {
        seen.read += chunkBytes;
        yield bytes.subarray(seen.read - chunkBytes, seen.read);
      }
    } finally {
      seen.closed = true;
    }
  })();
  return { chunks, seen };
}

describe.each(Object.entries(FILES))("%s, read as it is asked for", (_, bytes) => {
  const { data, ...whole } = readInput(bytes, "a");

  it.each([1, 2, 3, 5, 64, 1000])("is the same in chunks of %i bytes", (chunkBytes) => {
    for (const count of [1, 7, 64, 1000]) {
      const { chunks, seen } = source(bytes, chunkBytes);
      const { kind, shape, dtype, parts } = openInput(chunks, "a");
      expect({ kind, shape, dtype }).toEqual(whole);
      const found = Array.from(parts(count));
      expect(found.flatMap((part) => Array.from(part))).toEqual(Array.from(data));
      expect(found.slice(0, -1).every(({ length }) => length === count)).toBe(true);
      expect(seen.closed).toBe(true);
    }
  });

  it("closes its file at once when asked to", () => {
    const { chunks, seen } = source(bytes, 16);
    const input = openInput(chunks, "a");
    input.close();
    expect(seen.closed).toBe(true);
  });
});

it.each([
  ["plain", (bytes: Uint8Array) => bytes],
  ["gzip", (bytes: Uint8Array) => gzipSync(bytes)],
])("reads little further ahead than was asked for: %s", (_, pack) => {
  let state = 1;
  const noise = Uint8Array.from({ length: 4000 * 256 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state & 255; // deflate can only store it
  });
  const { chunks, seen } = source(pack(Uint8Array.from([0, 0, 8, 2, 0, 0, 15, 160, 0, 0, 1, 0, ...noise])), 512);
  let rows = 0;
  for (const part of openInput(chunks, "a").parts(256)) {
    expect(Buffer.compare(part as Uint8Array, noise.subarray(256 * rows, 256 * (rows + 1)))).toBe(0);
    rows++;
    expect(seen.read).toBeLessThan(256 * rows + 2 ** 18); // gzip is inflated in chunks of 2^16 bytes, and one is held back
  }
  expect(rows).toBe(4000);
});

describe("damage that only shows at the end", () => {
  const cut = (bytes: Uint8Array, count: number) => bytes.subarray(0, bytes.length - count);
  const flipped = (bytes: Uint8Array, at: number) => bytes.with(bytes.length + at, bytes.at(at)! ^ 1);
  it.each([
    ["a truncated idx file", cut(IDX, 1), "byte 12: 299 bytes of elements, expected 300 for shape [60, 5]", 59],
    ["a longer one", Uint8Array.of(...IDX, 0), "more than 300 bytes of elements, expected 300 for shape [60, 5]", 60],
    ["a truncated .npy file", cut(FILES["f32 npy"], 4), "1196 bytes of elements, expected 1200 for shape [60, 5]", 59],
    ["a truncated gzip file", cut(FILES["idx.gz"], 9), "a: cannot be inflated", undefined],
    ["a gzip file with another CRC", flipped(FILES["idx.gz"], -8), "a: gzip content has 312 bytes with CRC", undefined],
    ["a gzip file with another length", flipped(FILES["idx.gz"], -4), "expected 313 bytes with CRC", undefined],
  ])("%s", (_, bytes, message, goodRows) => {
    let rows = 0;
    const { chunks, seen } = source(bytes, 64);
    const read = () => {
      for (const part of openInput(chunks, "a").parts(5)) rows += part.length / 5;
    };
    expect(read).toThrow(InputError);
    expect(() => readInput(bytes, "a")).toThrow(message);
    if (goodRows !== undefined) expect(rows).toBe(goodRows); // so little gzip comes out in one piece
    expect(seen.closed).toBe(true);
  });
});
