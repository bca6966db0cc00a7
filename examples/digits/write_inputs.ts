import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { mulberry32 } from "../../host/numbers/random.ts";
import { writeFileAtomic } from "../../tools/files/outputs.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { writeIdx } from "../../tools/train/data/idx.ts";
import { drawDigits, SIDE } from "./draw.ts";

// node write_inputs.js: draws the digits of examples/digits/inputs.

const inputs = drawDigits(1000, mulberry32(1));
const gzip = (file: Uint8Array) => gzipSync(file, { level: 9, mtime: 0 }); // no time stamp: the same bytes every time
const files: Record<string, Uint8Array> = {
  "images-idx3-ubyte.gz": gzip(writeIdx([inputs.count, SIDE, SIDE], inputs.pixels)),
  "labels-idx1-ubyte.gz": gzip(writeIdx([inputs.count], inputs.labels)),
  "zero-to-nine.npy": writeNpy({
    dtype: "u8",
    shape: [10, SIDE, SIDE],
    data: inputs.pixels.slice(0, 10 * SIDE * SIDE),
  }),
};
const folder = join("examples", "digits", "inputs");
await mkdir(folder, { recursive: true });
for (const [name, file] of Object.entries(files)) await writeFileAtomic(join(folder, name), file);
