import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "fflate";
import { drawDigits, SIDE } from "../../examples/digits/draw.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { writeFileAtomic } from "../files/outputs.ts";
import { writeNpy } from "../inputs/npy.ts";
import { writeIdx } from "./idx.ts";
import { run } from "./run.ts";

// Trains the network of examples/digits on drawn digits, tests it on others, and draws some inputs to try.

const { values: options } = parseArgs({ options: { out: { type: "string", short: "o", default: "examples/digits" } } });
const draw = (count: number, seed: number) => drawDigits(count, mulberry32(seed));

const inputs = draw(1000, 1);
const gzip = (file: Uint8Array) => gzipSync(file, { level: 9, mtime: 0 }); // no time stamp: the same bytes every time
const inputFiles: Record<string, Uint8Array> = {
  "images-idx3-ubyte.gz": gzip(writeIdx([inputs.count, SIDE, SIDE], inputs.pixels)),
  "labels-idx1-ubyte.gz": gzip(writeIdx([inputs.count], inputs.labels)),
  "zero-to-nine.npy": writeNpy({
    dtype: "u8",
    shape: [10, SIDE, SIDE],
    data: inputs.pixels.slice(0, 10 * SIDE * SIDE),
  }),
};
await mkdir(join(options.out, "inputs"), { recursive: true });
for (const [name, file] of Object.entries(inputFiles)) await writeFileAtomic(join(options.out, "inputs", name), file);

await run(
  join(options.out, "digits.onnx"),
  { picture: [1, SIDE, SIDE], hidden: [64, 64], classes: 10, weights: "ternary", activations: 2 },
  draw(40_000, 2),
  { epochs: 20, batchSize: 128, learningRate: 0.005, shift: 0, seed: 3 },
  draw(10_000, 4),
);
