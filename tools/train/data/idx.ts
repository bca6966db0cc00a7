import { join } from "node:path";
import { InputError } from "../../../host/base/errors.ts";
import { readFile } from "../../files/files.ts";
import { readInput } from "../../inputs/read.ts";
import { formatShape } from "../../inputs/shape.ts";
import type { Data, Dataset } from "./dataset.ts";

const TRAINING = "train-images-idx3-ubyte";

/** A folder as MNIST and Fashion-MNIST have it (yann.lecun.com/exdb/mnist): pairs of idx files, gzipped or not; the pair for tests may be missing. */
export async function readIdxFolder(folder: string, names: ReadonlySet<string>): Promise<Data | undefined> {
  const pathOf = (name: string) =>
    [name, `${name}.gz`].filter((each) => names.has(each)).map((each) => join(folder, each))[0];
  const pair = async (split: string) => {
    const [images, labels] = [`${split}-images-idx3-ubyte`, `${split}-labels-idx1-ubyte`];
    const [imagesPath, labelsPath] = [pathOf(images), pathOf(labels)];
    if (imagesPath === undefined) return undefined;
    if (labelsPath === undefined) throw new InputError(`${folder}: found ${images}, expected ${labels} beside it`);
    return readIdxPair(imagesPath, labelsPath);
  };
  if (pathOf(TRAINING) === undefined) return undefined;
  return { training: (await pair("train"))!, test: await pair("t10k") };
}

/** Reads pictures [count, height, width] and labels [count], u8: two idx files. */
export async function readIdxPair(imagesPath: string, labelsPath: string): Promise<Dataset> {
  const images = await readBytes(imagesPath, 3);
  const labels = await readBytes(labelsPath, 1);
  const [count, height, width] = images.shape as [number, number, number];
  if (labels.data.length !== count) {
    throw new InputError(`${labelsPath}: ${labels.data.length} labels, expected one for each of ${count} pictures`);
  }
  return { count, shape: [height, width, 1], elements: images.data, labels: Uint16Array.from(labels.data) };
}

async function readBytes(path: string, axes: number): Promise<{ shape: number[]; data: Uint8Array }> {
  const { dtype, data, shape } = readInput(await readFile(path), path);
  if (dtype !== "u8" || shape.length !== axes) {
    throw new InputError(`${path}: ${dtype} of shape ${formatShape(shape)}, expected u8 with ${axes} axes`);
  }
  return { shape, data };
}

/** Writes u8 values as an idx file. */
export function writeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const headerBytes = 4 + 4 * shape.length;
  const file = new Uint8Array(headerBytes + data.length);
  file.set([0, 0, 8, shape.length]); // 8: unsigned byte
  const view = new DataView(file.buffer);
  for (const [axis, size] of shape.entries()) view.setUint32(4 + 4 * axis, size); // big-endian
  file.set(data, headerBytes);
  return file;
}
