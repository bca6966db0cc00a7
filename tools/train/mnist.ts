import { join } from "node:path";
import { parseArgs } from "node:util";
import { readDataset } from "./idx.ts";
import { run } from "./run.ts";

// Trains a ternary network on MNIST's 60,000 training pictures, and tests it on the 10,000 official test pictures.

const { values: options } = parseArgs({ options: { out: { type: "string", short: "o", default: "mnist.onnx" } } });
const folder = join(process.env.TERN_DATA ?? "../shared/data", "mnist");
const load = (split: "train" | "t10k") =>
  readDataset(join(folder, `${split}-images-idx3-ubyte.gz`), join(folder, `${split}-labels-idx1-ubyte.gz`));

await run(
  options.out,
  { picture: [1, 28, 28], hidden: [256, 256], classes: 10, weights: "ternary", activations: 2 },
  await load("train"),
  { epochs: 40, batchSize: 128, learningRate: 0.005, shift: 2, seed: 1 },
  await load("t10k"),
);
