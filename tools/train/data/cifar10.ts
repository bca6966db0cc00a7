import { join } from "node:path";
import { InputError } from "../../../host/base/errors.ts";
import { readFile } from "../../files/files.ts";
import { concatDatasets, type Data, type Dataset } from "./dataset.ts";

// The binary version of CIFAR-10 (cs.toronto.edu/~kriz/cifar.html): files of records, a byte of class and the planes of red, green and blue.

const SIDE = 32;
const PIXELS = SIDE * SIDE;
const RECORD_BYTES = 1 + 3 * PIXELS;
const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const BATCH = /^data_batch_\d+\.bin$/;
const TEST = "test_batch.bin";

/** A folder of its batches; any of them may be missing but the first. */
export async function readCifar10Folder(folder: string, names: ReadonlySet<string>): Promise<Data | undefined> {
  const batches = [...names].filter((name) => BATCH.test(name)).sort();
  if (batches.length === 0) return undefined;
  const read = async (name: string) => readBatch(await readFile(join(folder, name)), join(folder, name));
  const parts: Dataset[] = [];
  for (const name of batches) parts.push(await read(name));
  const test = names.has(TEST) ? await read(TEST) : undefined;
  return { training: concatDatasets(parts, folder), test, classes: CLASSES };
}

/** `name` is what errors call the file. */
export function readBatch(bytes: Uint8Array, name: string): Dataset {
  const count = bytes.length / RECORD_BYTES;
  if (!Number.isInteger(count) || count === 0) {
    throw new InputError(`${name}: ${bytes.length} bytes, expected a multiple of ${RECORD_BYTES}`);
  }
  const elements = new Uint8Array(count * 3 * PIXELS);
  const labels = new Uint16Array(count);
  for (let row = 0; row < count; row++) {
    const record = bytes.subarray(row * RECORD_BYTES, (row + 1) * RECORD_BYTES);
    const label = record[0]!;
    if (label >= CLASSES.length) {
      throw new InputError(`${name}, byte ${row * RECORD_BYTES}: class ${label}, expected 0 to ${CLASSES.length - 1}`);
    }
    labels[row] = label;
    const first = row * 3 * PIXELS;
    for (let i = 0; i < 3 * PIXELS; i++) elements[first + i] = record[1 + (i % 3) * PIXELS + Math.floor(i / 3)]!;
  }
  return { count, shape: [SIDE, SIDE, 3], elements, labels };
}
