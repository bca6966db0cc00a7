import { join } from "node:path";
import { InputError } from "../../../host/base/errors.ts";
import { readFile } from "../../files/files.ts";
import { readInput } from "../../inputs/read.ts";
import { formatShape } from "../../inputs/shape.ts";
import type { Data, Dataset } from "./dataset.ts";

/** A folder with the arrays train_images.npy and train_labels.npy, and test_images.npy and test_labels.npy, if there are some. */
export async function readArraysFolder(folder: string, names: ReadonlySet<string>): Promise<Data | undefined> {
  const pair = async (split: string) => {
    const [images, labels] = [`${split}_images.npy`, `${split}_labels.npy`];
    if (!names.has(images)) return undefined;
    if (!names.has(labels)) throw new InputError(`${folder}: found ${images}, expected ${labels} beside it`);
    return readArrays(join(folder, images), join(folder, labels));
  };
  const training = await pair("train");
  return training && { training, test: await pair("test") };
}

/**
 * Samples (count, features), (count, height, width) or (count, height, width, channels): u8 are pixels, f32 the numbers that a network takes; labels
 * (count) of any whole numbers.
 */
async function readArrays(imagesPath: string, labelsPath: string): Promise<Dataset> {
  const images = readInput(await readFile(imagesPath), imagesPath);
  const { dtype, data, shape } = images;
  if ((dtype !== "u8" && dtype !== "f32") || shape.length < 2 || shape.length > 4) {
    const expected = "u8 or f32 of shape [count, features], [count, height, width] or [count, height, width, channels]";
    throw new InputError(`${imagesPath}: ${dtype} of shape ${formatShape(shape)}, expected ${expected}`);
  }
  const [count, ...sample] = shape as [number, ...number[]];
  const labels = readInput(await readFile(labelsPath), labelsPath);
  if (labels.dtype === "f32" || labels.shape.length !== 1 || labels.data.length !== count) {
    const found = `${labels.dtype} of shape ${formatShape(labels.shape)}`;
    throw new InputError(`${labelsPath}: ${found}, expected whole numbers, one for each of ${count} samples`);
  }
  const bad = labels.data.findIndex((label) => label < 0 || label > 0xffff);
  if (bad >= 0) throw new InputError(`${labelsPath}: label ${labels.data[bad]} of sample ${bad}, expected 0 to 65535`);
  return {
    count,
    shape: sample.length === 2 ? [...sample, 1] : sample,
    elements: data,
    labels: Uint16Array.from(labels.data),
  };
}
