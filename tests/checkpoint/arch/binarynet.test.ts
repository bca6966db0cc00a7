import { zipSync } from "fflate";
import { expect, it } from "vitest";
import { UnsupportedError } from "../../../host/base/errors.ts";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { evaluate } from "../../../host/graph/evaluate.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { writeNpy } from "../../../tools/inputs/npy.ts";
import { positionsFirst } from "../tflite/random.ts";

// BinaryNet's files as its training scripts write them (github.com/MatthieuCourbariaux/BinaryNet: np.savez of lasagne.layers.get_all_param_values): arrays in the order
// of the layers, of each block W, b, beta, gamma, mean and 1 / deviation; convolutions are true ones, dense weights (inputs, outputs), and W stays latent.

const [CHANNELS, SIZE, FILTERS, CLASSES] = [2, 6, 3, 4];
const ROWS = 16;

const next = mulberry32(5);
const random = (count: number, least = -1, most = 1) => {
  return Float32Array.from({ length: count }, () => least + (most - least) * next());
};
/** W, b, beta, gamma above its least, mean, 1 / deviation. */
const block = (shape: number[], outputs: number, gamma: number) => [
  { shape, data: random(shape.reduce((a, b) => a * b, 1)) },
  ...[random(outputs), random(outputs), random(outputs, gamma, 2), random(outputs, -3, 3), random(outputs, 0.1, 2)].map(
    (data) => ({ shape: [outputs], data }),
  ),
];
const HALF = SIZE / 2;
const ARRAYS = [
  ...block([FILTERS, CHANNELS, 3, 3], FILTERS, 0.1),
  ...block([FILTERS * HALF * HALF, CLASSES], CLASSES, -2),
];
const fileOf = (arrays: typeof ARRAYS) => {
  const files = arrays.map(({ shape, data }, i) => [`arr_${i}.npy`, writeNpy({ shape, dtype: "f32", data })]);
  return zipSync(Object.fromEntries(files));
};

const norm = (first: number) => ({
  op: "batch_norm",
  tensors: {
    bias: `arr_${first}`,
    weight: `arr_${first + 1}`,
    mean: `arr_${first + 2}`,
    inverse_deviation: `arr_${first + 3}`,
  },
});
const ARCH = JSON.stringify({
  input: { shape: [CHANNELS, SIZE, SIZE], quantizer: { bits: 8, signed: true, scale: "1/128" } },
  layers: [
    {
      ...{ op: "conv2d", weights: "binary", flipped: true, padding: 1 },
      tensors: { weight: "arr_0", bias: "arr_1" },
    },
    { op: "maxpool", kernel: 2 },
    norm(2),
    { op: "sign" },
    { op: "flatten" },
    { op: "dense", weights: "binary", layout: "IO", tensors: { weight: "arr_6", bias: "arr_7" } },
    norm(8),
  ],
});

const sign = (x: number) => (x >= 0 ? 1 : -1);

/** What the network gives for a picture, in plain loops. */
function scoresOf(x: Float32Array): number[] {
  const [W, b, beta, gamma, mean, inverse, W2, b2, beta2, gamma2, mean2, inverse2] = ARRAYS.map(
    ({ data }) => data,
  ) as Float32Array[] & { length: 12 };
  const pixel = (c: number, i: number, j: number) =>
    i < 0 || j < 0 || i >= SIZE || j >= SIZE ? 0 : x[(c * SIZE + i) * SIZE + j]!;
  const sum = (f: number, i: number, j: number) => {
    let total = b![f]!;
    for (let c = 0; c < CHANNELS; c++)
      for (let u = -1; u <= 1; u++)
        for (let v = -1; v <= 1; v++) {
          // a true convolution: the pixel before the middle meets the weight behind it
          total += sign(W![((f * CHANNELS + c) * 3 + 1 + u) * 3 + 1 + v]!) * pixel(c, i - u, j - v);
        }
    return total;
  };
  const signs: number[] = [];
  for (let f = 0; f < FILTERS; f++)
    for (let i = 0; i < HALF; i++)
      for (let j = 0; j < HALF; j++) {
        const most = Math.max(...[0, 1, 2, 3].map((k) => sum(f, 2 * i + (k >> 1), 2 * j + (k & 1))));
        signs.push(sign((most - mean![f]!) * inverse![f]! * gamma![f]! + beta![f]!));
      }
  return Array.from({ length: CLASSES }, (_, m) => {
    const total = signs.reduce((all, s, k) => all + s * sign(W2![k * CLASSES + m]!), b2![m]!);
    return (total - mean2![m]!) * inverse2![m]! * gamma2![m]! + beta2![m]!;
  });
}

it("BinaryNet's arrays are the network that they were trained to", () => {
  const { graph, notes } = readCheckpoint(fileOf(ARRAYS), {}, ARCH);
  expect(notes.filter((note) => note.includes("used by no layer"))).toEqual([]);
  const size = CHANNELS * SIZE * SIZE;
  const pixels = Float32Array.from({ length: ROWS * size }, () => (Math.floor(256 * next()) - 128) / 128);
  const [scores] = evaluate(graph, [positionsFirst(graph.inputs[0]!, pixels)], ROWS);
  for (let r = 0; r < ROWS; r++) {
    for (const [m, expected] of scoresOf(pixels.subarray(r * size, (r + 1) * size)).entries()) {
      expect(scores![r * CLASSES + m], `row ${r}, class ${m}`).toBeCloseTo(expected, 4);
    }
  }
});

it("a pool before a norm that falls is refused, with what would work", () => {
  const falling = ARRAYS.with(3, { shape: [FILTERS], data: Float32Array.of(1, -1, 1) });
  const read = () => readCheckpoint(fileOf(falling), {}, ARCH);
  expect(read).toThrow(UnsupportedError);
  expect(read).toThrow("with nothing between that falls in a channel");
});
