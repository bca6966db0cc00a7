import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { drawDigit, drawDigits, SIDE } from "../../examples/digits/draw.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { decodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { readFile } from "../../tools/files/files.ts";
import { readIdxPair } from "../../tools/train/data/idx.ts";
import { planNetwork } from "../../tools/train/network.ts";

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
  const written = await readIdxPair(`${inputs}/images-idx3-ubyte.gz`, `${inputs}/labels-idx1-ubyte.gz`);
  const { count, pixels, labels } = drawDigits(1000, mulberry32(1));
  expect(written).toEqual({ count, shape: [SIDE, SIDE, 1], elements: pixels, labels: Uint16Array.from(labels) });
});

it("has a network that reads new digits", async () => {
  const { graph } = readCheckpoint(await readFile(`${FOLDER}/digits.onnx`));
  const { count, pixels, labels } = drawDigits(500, mulberry32(99));
  const real = Float32Array.from(pixels, (pixel) => pixel / 255);
  const scores = evaluate(graph, [real], count, () => {})[0]!;
  const answers = Array.from({ length: count }, (_, row) => {
    const of = scores.subarray(10 * row, 10 * (row + 1));
    return of.indexOf(Math.max(...of));
  });
  expect(answers.filter((answer, row) => answer === labels[row]).length / count).toBeGreaterThan(0.97);
});

it("has the tensors that its description says", async () => {
  const network = planNetwork(new TextDecoder().decode(await readFile(`${FOLDER}/net.json`)));
  const { graph } = decodeModel(await readFile(`${FOLDER}/digits.onnx`));
  const shapes = new Map(graph!.initializer.map(({ name, dims }) => [name, dims]));
  for (const [name, { dims }] of network.parameters) expect(shapes.get(name), name).toEqual(dims);
});
