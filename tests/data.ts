import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeUnless } from "./skip.ts";

/** Data sets and checkpoints that the project does not hold: TERN_DATA, else where they lie beside it. */
export const DATA = process.env.TERN_DATA ?? fileURLToPath(new URL("../../shared/data", import.meta.url));

/** Published QONNX file of a 784-64-64-64-10 network with 1-bit weights and activations (Brevitas example, via FINN). */
export const TFC = join(DATA, "qonnx", "TFC_1W1A.onnx");

/** The official 10,000 test pictures and their digits. */
export const MNIST_IMAGES = join(DATA, "mnist", "t10k-images-idx3-ubyte.gz");
export const MNIST_LABELS = join(DATA, "mnist", "t10k-labels-idx1-ubyte.gz");

/** A suite that reads these files; without one of them it is skipped aloud, or fails where TERN_REQUIRE_ALL=1. */
export function describeWith(files: readonly string[], title: string, suite: () => void): void {
  const missing = files.find((file) => !existsSync(file));
  describeUnless(missing && `needs ${missing}, or TERN_DATA`, title, suite);
}
