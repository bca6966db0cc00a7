import { expect, it } from "vitest";
import { pictureOf, type Samples } from "../../tools/inputs/samples.ts";

const samples = (elements: Samples["elements"], ...shapes: number[][]): Samples => ({
  rows: 2,
  total: 2,
  elements,
  shapes,
  meaning: "",
});

it("sees grey pictures and planes of colour, by the file's shape or else by the model's", () => {
  const grey = Uint8Array.from({ length: 12 }, (_, i) => i);
  const second = { width: 3, height: 2, channels: 1, data: Uint8Array.of(6, 7, 8, 9, 10, 11) };
  expect(pictureOf(samples(grey, [2, 3]), 1)).toEqual(second);
  expect(pictureOf(samples(grey, [1, 2, 3], [6]), 1)).toEqual(second);
  expect(pictureOf(samples(grey, [6], [1, 2, 3]), 1)).toEqual(second);

  const planes = Uint8Array.of(0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, ...new Uint8Array(12));
  const data = Uint8Array.of(0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23);
  expect(pictureOf(samples(planes, [3, 2, 2]), 0)).toEqual({ width: 2, height: 2, channels: 3, data });
});

it("stretches numbers that are no bytes from black to white", () => {
  const real = Float32Array.of(-1, 0, 1, 3, 2, 2, 2, 2);
  expect(pictureOf(samples(real, [2, 2]), 0)!.data).toEqual(Uint8Array.of(0, 64, 128, 255));
  expect(pictureOf(samples(real, [2, 2]), 1)!.data).toEqual(new Uint8Array(4));
});

it.each([[[6]], [[1, 6]], [[2, 1, 3]], [[2, 3, 1, 1]]])("sees no picture in %j", (shape) => {
  expect(pictureOf(samples(new Uint8Array(12), shape), 0)).toBeUndefined();
});
