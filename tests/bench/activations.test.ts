import { expect, it } from "vitest";
import { ACTIVATIONS, type ActivationName } from "../../tools/bench/activations.ts";

it.each<[ActivationName, number[], number[], number]>([
  ["i8", [127, -127, 0.5, 1.5, -0.5, -2.5, 0], [127, 129, 0, 2, 0, 254, 0], 1], // ties to even; bytes of signed codes
  ["i8", [0, 0], [0, 0], 0],
  ["u4", [7, -7, 0.5, 1.5, 0], [15, 1, 8, 10, 8], 1],
  ["u4", [-1, 0.25], [1, 10], 1 / 7],
  ["bit", [-1, 0, -0, 3, -2, 1, 1, 1, -9], [0b10001, 1], 2],
])("%s codes of %j", (name, x, bytes, scale) => {
  const row = new Uint8Array(bytes.length).fill(0xff);
  expect(ACTIVATIONS[name].quantize(Float32Array.from(x), row)).toBe(scale);
  expect(Array.from(row)).toEqual(bytes);
});
