import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { drawDigits } from "../../../examples/digits/draw.ts";
import { InputError } from "../../../host/base/errors.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { writeNpy } from "../../../tools/inputs/npy.ts";
import { countedRandom } from "../../../tools/train/data/counted.ts";
import type { Data, Dataset } from "../../../tools/train/data/dataset.ts";
import { drawn } from "../../../tools/train/data/digits.ts";
import { readData } from "../../../tools/train/data/find.ts";
import { writeIdx } from "../../../tools/train/data/idx.ts";
import { shuffled } from "../../../tools/train/data/shuffle.ts";
import { holdOut } from "../../../tools/train/data/split.ts";
import { idat, ihdr, png } from "../../inputs/png.ts";
import { scratch } from "../../tools/tern.ts";

const { path } = scratch();

/** A new folder with these files. */
let folders = 0;
function folderOf(files: Record<string, Uint8Array>): string {
  const folder = path(`data${folders++}`);
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const dataset = (shape: number[], elements: number[], labels: number[]): Dataset => ({
  ...{ count: labels.length, shape },
  ...{ elements: Uint8Array.from(elements), labels: Uint16Array.from(labels) },
});

const IDX = {
  "train-images-idx3-ubyte.gz": gzipSync(writeIdx([2, 1, 3], bytes(1, 2, 3, 4, 5, 255))),
  "train-labels-idx1-ubyte": writeIdx([2], bytes(7, 9)),
};
const IDX_TEST = {
  "t10k-images-idx3-ubyte": writeIdx([1, 1, 3], bytes(6, 7, 8)),
  "t10k-labels-idx1-ubyte": writeIdx([1], bytes(3)),
};

/** A record of CIFAR-10: planes of one value each, and one other pixel. */
function record(label: number, red: number, green: number, blue: number): number[] {
  const plane = (value: number) => [value + 1, ...new Array<number>(1023).fill(value)];
  return [label, ...plane(red), ...plane(green), ...plane(blue)];
}
function pixels(red: number, green: number, blue: number): number[] {
  return [red + 1, green + 1, blue + 1, ...Array.from({ length: 1023 }, () => [red, green, blue]).flat()];
}

const picture = (width: number, colourType: number, values: number[]) =>
  png(["IHDR", ihdr(width, 1, 8, colourType)], ["IDAT", idat([0, ...values])], ["IEND", []]); // one row, with no filter
const grey = (...values: number[]) => picture(values.length, 0, values);
const colour = (...values: number[]) => picture(values.length / 3, 2, values);

const FOLDERS: Record<string, [files: Record<string, Uint8Array>, channels: number, expected: Data]> = {
  "idx files": [
    { ...IDX, ...IDX_TEST },
    1,
    { training: dataset([1, 3, 1], [1, 2, 3, 4, 5, 255], [7, 9]), test: dataset([1, 3, 1], [6, 7, 8], [3]) },
  ],
  "idx files without a test": [IDX, 1, { training: dataset([1, 3, 1], [1, 2, 3, 4, 5, 255], [7, 9]), test: undefined }],
  "CIFAR-10's binary files": [
    {
      "data_batch_2.bin": bytes(...record(9, 50, 60, 70)),
      "data_batch_1.bin": bytes(...record(3, 10, 20, 30), ...record(0, 1, 2, 3)),
      "test_batch.bin": bytes(...record(1, 100, 110, 120)),
    },
    3,
    {
      training: dataset([32, 32, 3], [...pixels(10, 20, 30), ...pixels(1, 2, 3), ...pixels(50, 60, 70)], [3, 0, 9]),
      test: dataset([32, 32, 3], pixels(100, 110, 120), [1]),
      classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    },
  ],
  "arrays of pictures": [
    {
      "train_images.npy": writeNpy({ dtype: "u8", shape: [2, 1, 2], data: bytes(1, 2, 3, 4) }),
      "train_labels.npy": writeNpy({ dtype: "i32", shape: [2], data: Int32Array.of(5, 300) }),
    },
    1,
    { training: dataset([1, 2, 1], [1, 2, 3, 4], [5, 300]), test: undefined },
  ],
  "arrays of numbers": [
    {
      "train_images.npy": writeNpy({ dtype: "f32", shape: [2, 2], data: Float32Array.of(0.5, -1, 2, 3) }),
      "train_labels.npy": writeNpy({ dtype: "u8", shape: [2], data: bytes(0, 1) }),
      "test_images.npy": writeNpy({ dtype: "f32", shape: [1, 2], data: Float32Array.of(7, 8) }),
      "test_labels.npy": writeNpy({ dtype: "u8", shape: [1], data: bytes(1) }),
    },
    2,
    {
      training: { ...dataset([2], [], [0, 1]), elements: Float32Array.of(0.5, -1, 2, 3) },
      test: { ...dataset([2], [], [1]), elements: Float32Array.of(7, 8) },
    },
  ],
  "folders of PNG files, one for each class": [
    {
      "dog/2.png": grey(5, 6),
      "cat/1.PNG": grey(1, 2),
      "cat/0.png": colour(30, 30, 30, 9, 9, 9),
      "cat/note.txt": bytes(1),
    },
    1,
    { training: dataset([1, 2, 1], [30, 9, 1, 2, 5, 6], [0, 0, 1]), test: undefined, classes: ["cat", "dog"] },
  ],
  "folders of PNG files, to learn from and to test": [
    { "train/a/0.png": grey(1, 2), "train/b/0.png": colour(1, 2, 3, 4, 5, 6), "test/b/9.png": grey(7, 8) },
    3,
    {
      training: dataset([1, 2, 3], [1, 1, 1, 2, 2, 2, 1, 2, 3, 4, 5, 6], [0, 1]),
      test: dataset([1, 2, 3], [7, 7, 7, 8, 8, 8], [1]),
      classes: ["a", "b"],
    },
  ],
};

describe("readData", () => {
  it.each(Object.entries(FOLDERS))("reads %s", async (_, [files, channels, expected]) => {
    expect(await readData(folderOf(files), channels)).toEqual(expected);
  });

  it("finds a folder in TERN_DATA, too", async () => {
    const folder = folderOf({
      "sub/train-images-idx3-ubyte.gz": IDX["train-images-idx3-ubyte.gz"],
      "sub/train-labels-idx1-ubyte": IDX["train-labels-idx1-ubyte"],
    });
    const { TERN_DATA } = process.env;
    process.env.TERN_DATA = folder;
    try {
      expect((await readData("sub", 1)).training.count).toBe(2);
    } finally {
      if (TERN_DATA === undefined) delete process.env.TERN_DATA;
      else process.env.TERN_DATA = TERN_DATA;
    }
  });

  it.each<[string, Record<string, Uint8Array>, string]>([
    ["a folder of nothing known", { "a.txt": bytes(1) }, "found no data that is known, expected idx files as MNIST's"],
    [
      "pictures without labels",
      { "train-images-idx3-ubyte": writeIdx([1, 1, 1], bytes(1)) },
      "expected train-labels-idx1-ubyte beside it",
    ],
    [
      "fewer labels than pictures",
      { ...IDX, "train-labels-idx1-ubyte": writeIdx([1], bytes(7)) },
      "1 labels, expected one for each of 2 pictures",
    ],
    ["a record that is cut off", { "data_batch_1.bin": bytes(1, 2, 3) }, "3 bytes, expected a multiple of 3073"],
    [
      "a class of CIFAR that is none",
      { "data_batch_1.bin": bytes(...record(10, 1, 2, 3)) },
      "byte 0: class 10, expected 0 to 9",
    ],
    [
      "PNG files of two sizes",
      { "a/0.png": grey(1, 2), "b/0.png": grey(1) },
      "1 × 1 pixels, expected those of the first, 1 × 2",
    ],
    [
      "a PNG file that is none",
      { "a/0.png": IDX["train-labels-idx1-ubyte"] },
      "found a file of idx, expected a PNG file",
    ],
    [
      "a class that is tested alone",
      { "train/a/0.png": grey(1, 2), "test/c/0.png": grey(1, 2) },
      "a class that train does not have",
    ],
    [
      "arrays of another kind",
      {
        "train_images.npy": writeNpy({ dtype: "i16", shape: [1, 2], data: Int16Array.of(1, 2) }),
        "train_labels.npy": writeNpy({ dtype: "u8", shape: [1], data: bytes(0) }),
      },
      "i16 of shape [1, 2], expected u8 or f32",
    ],
    [
      "labels below 0",
      {
        "train_images.npy": writeNpy({ dtype: "u8", shape: [1, 2], data: bytes(1, 2) }),
        "train_labels.npy": writeNpy({ dtype: "i8", shape: [1], data: Int8Array.of(-1) }),
      },
      "label -1 of sample 0, expected 0 to 65535",
    ],
  ])("refuses %s", async (_, files, why) => {
    const reading = readData(folderOf(files), 1);
    await expect(reading).rejects.toThrow(InputError);
    await expect(reading).rejects.toThrow(why);
  });

  it("refuses a folder that is not there", async () => {
    await expect(readData(path("nowhere"), 1)).rejects.toThrow(
      'no such folder, expected one of data, or the word "digits"',
    );
  });
});

describe("holdOut", () => {
  const data = dataset(
    [1],
    Array.from({ length: 50 }, (_, i) => i),
    new Array<number>(50).fill(0),
  );

  it("parts the samples at random, the same for the same seed", () => {
    const { training, heldOut } = holdOut(data, 0.2, 1);
    expect([training.count, heldOut!.count]).toEqual([40, 10]);
    expect([...training.elements, ...heldOut!.elements].sort((a, b) => a - b)).toEqual([...data.elements]);
    expect(holdOut(data, 0.2, 1)).toEqual({ training, heldOut });
    expect(holdOut(data, 0.2, 2).heldOut).not.toEqual(heldOut);
  });

  it("leaves all to learn from where nothing is held out, and refuses to leave none", () => {
    expect(holdOut(data, 0, 1)).toEqual({ training: data, heldOut: undefined });
    expect(() => holdOut(data, 0.999, 1)).toThrow("50 of 50 samples held out");
  });
});

it("draws digits, as examples/digits has them", () => {
  const { pixels, labels } = drawDigits(20, mulberry32(3));
  expect(drawn(20, 3)).toEqual(dataset([16, 16, 1], [...pixels], [...labels]));
});

it("shuffles: every index once, in another order", () => {
  const order = shuffled(100, mulberry32(1));
  expect(order).not.toEqual(Uint32Array.from({ length: 100 }, (_, i) => i));
  expect(order.toSorted()).toEqual(Uint32Array.from({ length: 100 }, (_, i) => i));
});

it("draws the numbers of mulberry32, from anywhere on", () => {
  const random = mulberry32(0);
  const drawn = Array.from({ length: 10 }, () => random() * 2 ** 32);
  expect(drawn.slice(0, 3)).toEqual([1144304738, 1416247, 958946056]);
  const counted = countedRandom(0, 4);
  expect([counted.next() * 2 ** 32, counted.next() * 2 ** 32]).toEqual(drawn.slice(4, 6));
  expect(counted.drawn()).toBe(6);
  expect(mulberry32(7, 2 ** 32)()).toBe(mulberry32(7)()); // 32 bits of state
});
