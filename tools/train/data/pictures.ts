import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../../host/base/errors.ts";
import { asInputError } from "../../../host/base/file_errors.ts";
import { readFile } from "../../files/files.ts";
import { luma } from "../../inputs/luma.ts";
import { readInput } from "../../inputs/read.ts";
import type { Data, Dataset } from "./dataset.ts";

const PICTURE = /\.png$/i;

/**
 * A folder with a folder of PNG files for each class, or with two such folders, train and test. Classes count from 0 in the order of their
 * names (by code units). Pictures are of one size; they become grey or three planes of colour, as the network has channels.
 */
export async function readPicturesFolder(
  folder: string,
  _names: ReadonlySet<string>,
  channels: number,
): Promise<Data | undefined> {
  const folders = await foldersIn(folder);
  const isSplit = folders.includes("train") && folders.every((name) => name === "train" || name === "test");
  const place = isSplit ? join(folder, "train") : folder;
  const classes = isSplit ? await foldersIn(place) : folders;
  if (classes.length === 0) return undefined;
  const training = await readSplit(place, classes, channels);
  if (training === undefined) return undefined;
  if (!folders.includes("test") || !isSplit) return { training, test: undefined, classes };
  const testClasses = await foldersIn(join(folder, "test"));
  const unknown = testClasses.find((name) => !classes.includes(name));
  if (unknown !== undefined) throw new InputError(`${join(folder, "test", unknown)}: a class that train does not have`);
  const test = await readSplit(join(folder, "test"), classes, channels);
  if (test && `${test.shape}` !== `${training.shape}`) {
    const [found, expected] = [test, training].map(({ shape: [height, width] }) => `${height} × ${width}`);
    throw new InputError(`${join(folder, "test")}: pictures of ${found}, expected those of train, ${expected}`);
  }
  return { training, test, classes };
}

async function readSplit(folder: string, classes: readonly string[], channels: number): Promise<Dataset | undefined> {
  const pictures: Uint8Array[] = [];
  const labels: number[] = [];
  let size: { height: number; width: number } | undefined;
  const present = await foldersIn(folder);
  for (const [label, name] of classes.entries()) {
    if (!present.includes(name)) continue; // a test need not have all classes
    const files = (await namesIn(join(folder, name))).filter((each) => PICTURE.test(each)).sort();
    for await (const { path, bytes } of readEach(files.map((file) => join(folder, name, file)))) {
      const { kind, shape, data } = readInput(bytes, path);
      if (kind !== "png") throw new InputError(`${path}: found a file of ${kind}, expected a PNG file`);
      const [height, width] = shape as [number, number];
      size ??= { height, width };
      if (height !== size.height || width !== size.width) {
        throw new InputError(
          `${path}: ${height} × ${width} pixels, expected those of the first, ${size.height} × ${size.width}`,
        );
      }
      pictures.push(withChannels(data as Uint8Array, shape.length === 3 ? 3 : 1, channels));
      labels.push(label);
    }
  }
  if (size === undefined) return undefined;
  const elements = new Uint8Array(pictures.length * size.height * size.width * channels);
  for (const [i, picture] of pictures.entries()) elements.set(picture, i * picture.length);
  return {
    count: pictures.length,
    shape: [size.height, size.width, channels],
    elements,
    labels: Uint16Array.from(labels),
  };
}

/** Small files are read so many at a time. */
const AT_ONCE = 64;

async function* readEach(paths: readonly string[]): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  for (let first = 0; first < paths.length; first += AT_ONCE) {
    const some = paths.slice(first, first + AT_ONCE);
    yield* await Promise.all(some.map(async (path) => ({ path, bytes: await readFile(path) })));
  }
}

/** A picture with its channels last, grey of its colours or three times its grey. */
function withChannels(data: Uint8Array, found: 1 | 3, channels: number): Uint8Array {
  if (found === channels) return data;
  if (channels === 1) {
    const grey = (pixel: number) => luma(data[3 * pixel]!, data[3 * pixel + 1]!, data[3 * pixel + 2]!);
    return Uint8Array.from({ length: data.length / 3 }, (_, pixel) => grey(pixel));
  }
  return Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)]!);
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await entriesIn(folder);
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

async function namesIn(folder: string): Promise<string[]> {
  return (await entriesIn(folder)).map(({ name }) => name);
}

function entriesIn(folder: string) {
  return readdir(folder, { withFileTypes: true }).catch((error) => {
    throw asInputError(error, `${folder}: cannot be read`);
  });
}
