import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { ihdr, png } from "../inputs/png.ts";
import { ended } from "./cost.ts";
import { digitsBlob, IMAGES, scratch } from "./tern.ts";

// Small files of samples that unpack to large ones: refused by what they say of themselves, or read a part at a time.

const { path, put } = scratch();
const model = put("digits.tern", await digitsBlob());

/** A .npy file in gzip: u8 zeros. */
async function zeros(name: string, shape: number[]): Promise<string> {
  const header = writeNpy({ shape, dtype: "u8", data: new Uint8Array(0) });
  const megabyte = new Uint8Array(2 ** 20);
  const chunks = function* () {
    yield header;
    const bytes = shape.reduce((a, b) => a * b);
    for (let left = bytes; left > 0; left -= megabyte.length) yield megabyte.subarray(0, left);
  };
  await pipeline(Readable.from(chunks()), createGzip({ level: 1 }), createWriteStream(path(name)));
  return path(name);
}

const bombs: [string, () => string[] | Promise<string[]>, RegExp][] = [
  [
    "a picture of 4096 × 4096",
    () => {
      const pixels = deflateSync(new Uint8Array(4096 * 4097));
      return ["run", model, put("large.png", png(["IHDR", ihdr(4096, 4096, 8, 0)], ["IDAT", pixels], ["IEND", []]))];
    },
    /grey picture of height 4096 and width 4096, expected input of shape \[1, 16, 16\]/,
  ],
  [
    "300 MB of samples to run",
    async () => ["run", model, await zeros("samples.npy.gz", [2 ** 20 + 2 ** 17, 256])],
    /more than 268435456 bytes of elements, too many to read at once/,
  ],
  [
    "300 MB of labels",
    async () => ["eval", model, "--images", IMAGES, "--labels", await zeros("labels.npy.gz", [300 * 2 ** 20])],
    /labels of shape \[314572800\], expected one for each of 1000 samples/,
  ],
];

describe("a small file that unpacks to a large one", () => {
  it.each(bombs)("%s", async (_, make, refusal) => {
    const { code, stderr, seconds, megabytes } = await ended(...(await make()));
    expect(stderr).toMatch(refusal);
    expect(code).toBe(1);
    expect(seconds).toBeLessThan(3);
    expect(megabytes).toBeLessThan(400);
  });
});
