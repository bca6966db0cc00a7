import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { randomShift } from "../../tools/train/dataset.ts";
import { readDataset, writeIdx } from "../../tools/train/idx.ts";
import { shuffled } from "../../tools/train/shuffle.ts";

describe("idx files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tern-train-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function write(name: string, shape: number[], data: number[]): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, writeIdx(shape, Uint8Array.from(data)));
    return path;
  }

  it("are read back as they were written", async () => {
    const images = await write("images", [2, 1, 3], [1, 2, 3, 4, 5, 255]);
    const labels = await write("labels", [2], [7, 9]);
    expect(await readDataset(images, labels)).toEqual({
      count: 2,
      rows: 1,
      columns: 3,
      pixels: Uint8Array.of(1, 2, 3, 4, 5, 255),
      labels: Uint8Array.of(7, 9),
    });
  });

  it("must match", async () => {
    const images = await write("images", [2, 1, 1], [1, 2]);
    const labels = await write("labels", [1], [7]);
    await expect(readDataset(images, labels)).rejects.toThrow("1 labels, expected one for each of 2 pictures");
    await expect(readDataset(labels, images)).rejects.toThrow(InputError);
  });
});

it("shifts pictures by every distance up to the reach, and no farther", () => {
  const dot = new Uint8Array(25);
  dot[12] = 9; // in the middle of 5 × 5
  const random = mulberry32(1);
  const places = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const shifted = randomShift(dot, 5, 5, 1, random);
    expect(shifted.filter((p) => p > 0)).toEqual(Uint8Array.of(9));
    places.add(shifted.indexOf(9));
  }
  expect([...places].sort((a, b) => a - b)).toEqual([6, 7, 8, 11, 12, 13, 16, 17, 18]);
});

it("loses at the edge what is shifted out", () => {
  const full = new Uint8Array(4).fill(1);
  const sums = new Set(Array.from({ length: 100 }, (_, seed) => randomShift(full, 2, 2, 1, mulberry32(seed)).join("")));
  expect(sums).toEqual(new Set(["1111", "1100", "0011", "1010", "0101", "1000", "0100", "0010", "0001"]));
});

it("draws the numbers of mulberry32", () => {
  const random = mulberry32(0);
  expect(Array.from({ length: 3 }, () => random() * 2 ** 32)).toEqual([1144304738, 1416247, 958946056]);
});

it("shuffles: every index once, in another order", () => {
  const order = shuffled(100, mulberry32(1));
  expect(order).not.toEqual(Uint32Array.from({ length: 100 }, (_, i) => i));
  expect(order.toSorted()).toEqual(Uint32Array.from({ length: 100 }, (_, i) => i));
});
