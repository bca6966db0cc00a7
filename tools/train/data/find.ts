import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../../host/base/errors.ts";
import { asInputError } from "../../../host/base/file_errors.ts";
import { readArraysFolder } from "./arrays.ts";
import { readCifar10Folder } from "./cifar10.ts";
import type { Data } from "./dataset.ts";
import { drawnDigits } from "./digits.ts";
import { readIdxFolder } from "./idx.ts";
import { readPicturesFolder } from "./pictures.ts";

/** Kinds of folders, by what errors call them: each reads one of its kind, and gives undefined for others. */
const FOLDERS: Record<
  string,
  (folder: string, names: ReadonlySet<string>, channels: number) => Promise<Data | undefined>
> = {
  "idx files as MNIST's (train-images-idx3-ubyte.gz)": readIdxFolder,
  "CIFAR-10's binary files (data_batch_1.bin)": readCifar10Folder,
  "arrays (train_images.npy, train_labels.npy)": readArraysFolder,
  "folders of PNG files, one for each class": readPicturesFolder,
};

/** The word for digits that are drawn from a seed: no file is needed. */
export const DRAWN = "digits";

/**
 * Reads what `name` says: the word "digits"; or a folder, which may also stand in the folder that the environment's TERN_DATA names. Its kind is
 * found by what is in it. `channels` are the network's.
 */
export async function readData(name: string, channels: number): Promise<Data> {
  if (name === DRAWN) return drawnDigits();
  const places = [name, ...(process.env.TERN_DATA ? [join(process.env.TERN_DATA, name)] : [])];
  const folder = places.find((place) => existsSync(place));
  if (folder === undefined) {
    throw new InputError(
      `${places.join(", ")}: no such folder, expected one of data, or the word "${DRAWN}" (drawn from a seed)`,
    );
  }
  const names = new Set(
    await readdir(folder).catch((error) => {
      throw asInputError(error, `${folder}: cannot be read`);
    }),
  );
  for (const read of Object.values(FOLDERS)) {
    const data = await read(folder, names, channels);
    if (data) return data;
  }
  throw new InputError(`${folder}: found no data that is known, expected ${Object.keys(FOLDERS).join("; or ")}`);
}
