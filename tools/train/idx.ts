import { InputError } from "../../host/base/errors.ts";
import { readFile } from "../files/files.ts";
import { readInput } from "../inputs/read.ts";
import { formatShape } from "../inputs/shape.ts";
import type { Dataset } from "./dataset.ts";

/** Reads pictures [count, rows, columns] and labels [count], u8: a pair of idx files, gzipped or not, as MNIST has it. */
export async function readDataset(imagesPath: string, labelsPath: string): Promise<Dataset> {
  const images = await readBytes(imagesPath, 3);
  const labels = await readBytes(labelsPath, 1);
  const [count, rows, columns] = images.shape as [number, number, number];
  if (labels.data.length !== count) {
    throw new InputError(`${labelsPath}: ${labels.data.length} labels, expected one for each of ${count} pictures`);
  }
  return { count, rows, columns, pixels: images.data, labels: labels.data };
}

async function readBytes(path: string, axes: number): Promise<{ shape: number[]; data: Uint8Array }> {
  const { dtype, data, shape } = readInput(await readFile(path), path);
  if (dtype !== "u8" || shape.length !== axes) {
    throw new InputError(`${path}: ${dtype} of shape ${formatShape(shape)}, expected u8 with ${axes} axes`);
  }
  return { shape, data };
}

/** Writes u8 values as an idx file (yann.lecun.com/exdb/mnist). */
export function writeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const headerBytes = 4 + 4 * shape.length;
  const file = new Uint8Array(headerBytes + data.length);
  file.set([0, 0, 8, shape.length]); // 8: unsigned byte
  const view = new DataView(file.buffer);
  for (const [axis, size] of shape.entries()) view.setUint32(4 + 4 * axis, size); // big-endian
  file.set(data, headerBytes);
  return file;
}
