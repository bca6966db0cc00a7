import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { drawDigit, drawDigits, SIDE } from "../../examples/digits/draw.ts";
import { decodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { readFile } from "../../tools/files/files.ts";
import { readDataset } from "../../tools/train/idx.ts";
import { evaluate } from "./evaluate.ts";

const FOLDER = "examples/digits";

it("draws the same digits from the same seed, on every machine", () => {
  const { pixels } = drawDigits(100, mulberry32(1));
  expect(createHash("sha256").update(pixels).digest("hex")).toBe(
    "024d4605c01352ce31a6e16b197a68bb6e050ac537a894dd00319ab8380a1fa5",
  );
});

it("draws other digits from another seed", () => {
  expect(drawDigit(3, mulberry32(1))).not.toEqual(drawDigit(3, mulberry32(2)));
});

it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])("draws %i in ink on paper, inside the picture", (digit) => {
  const random = mulberry32(digit);
  for (let i = 0; i < 100; i++) {
    const pixels = drawDigit(digit, random);
    const inked = pixels.filter((p) => p > 127).length;
    expect(inked).toBeGreaterThan(SIDE / 2);
    expect(inked).toBeLessThan((SIDE * SIDE) / 2);
  }
});

it("has written down the digits that seed 1 draws", async () => {
  const inputs = `${FOLDER}/inputs`;
  const written = await readDataset(`${inputs}/images-idx3-ubyte.gz`, `${inputs}/labels-idx1-ubyte.gz`);
  expect(written).toEqual(drawDigits(1000, mulberry32(1)));
});

it("has a network that reads new digits", async () => {
  const { graph } = decodeModel(await readFile(`${FOLDER}/digits.onnx`));
  const { count, pixels, labels } = drawDigits(500, mulberry32(99));
  let right = 0;
  for (let i = 0; i < count; i++) {
    const scores = evaluate(graph!, pixels.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE));
    if (scores.indexOf(Math.max(...scores)) === labels[i]) right++;
  }
  expect(right / count).toBeGreaterThan(0.97);
});
