import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync, zipSync } from "fflate";
import { expect, it } from "vitest";
import { CheckpointError, UnsupportedError } from "../../host/base/errors.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { openTar, writeTar } from "../../host/checkpoint/tar.ts";
import { convert } from "../../host/convert.ts";
import { v8 } from "../../host/engines/v8.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { bestModule } from "../../host/node.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { load } from "../../host/run/session.ts";
import { DATA, describeWith, MNIST_IMAGES, MNIST_LABELS } from "../data.ts";
import { hostile } from "./hostile.ts";
import { type Layer, pynqFiles, randomLayers } from "./pynq_folder.ts";

/** What a network means: pixels above 127 are +1; an output is +1 where more inputs agree with its weights than its threshold. */
function countsOf(layers: readonly Layer[], pixels: ArrayLike<number>): number[] {
  let signs = Array.from(pixels, (p) => (p > 127 ? 1 : -1));
  let counts: number[] = [];
  for (const { weights, thresholds } of layers) {
    counts = weights.map((row) => row.filter((w, k) => w === signs[k]).length);
    signs = counts.map((count, m) => (count > thresholds[m]! ? 1 : -1));
  }
  return counts;
}

const SIZES = [70, 48, 64, 5];
const LAYERS = randomLayers(SIZES, 1);
/** Of each layer another: all bits of a word, and few. */
const FOLDINGS = [
  { pe: 16, simd: 64 },
  { pe: 1, simd: 24 },
  { pe: 8, simd: 1 },
];
const FILES = pynqFiles(LAYERS, FOLDINGS, "net/");
const TAR = writeTar(FILES);

const ROWS = 20;

it.each([
  ["a tar archive", TAR],
  ["a gzip archive of one", gzipSync(TAR)],
  ["a zip archive", zipSync(Object.fromEntries(FILES))],
])("%s of parameters is the network that they were made of", (_, bytes) => {
  const { graph, format, notes } = readCheckpoint(bytes);
  expect(format).toBe("bnn-pynq");
  expect(notes).toEqual([
    "the sizes 70-48-64-5 are found from the files' lengths and bits; a pixel from 128 on is +1, else −1",
  ]);
  const next = mulberry32(7);
  const pixels = Float32Array.from({ length: ROWS * SIZES[0]! }, () => Math.floor(256 * next()));
  pixels.set([127, 128]);
  const [scores] = evaluate(graph, [pixels], ROWS);
  const expected = Array.from({ length: ROWS }, (_, r) => {
    return countsOf(LAYERS, pixels.subarray(r * SIZES[0]!, (r + 1) * SIZES[0]!));
  });
  expect([...scores!]).toEqual(expected.flat());
});

it.each([1, 2, 3, 4, 5])("sizes are found, whatever the folding (seed %i)", (seed) => {
  const next = mulberry32(seed);
  const pick = (...choices: number[]) => choices[Math.floor(next() * choices.length)]!;
  const sizes = [Math.floor(64 + 100 * next()), 64 * pick(1, 2), 64 * pick(1, 2), Math.floor(33 + 30 * next())];
  const foldings = sizes.slice(1).map(() => ({ pe: pick(1, 2, 16, 32), simd: pick(2, 8, 32, 64) }));
  const { graph, notes } = readCheckpoint(writeTar(pynqFiles(randomLayers(sizes, seed), foldings)));
  expect(notes[0]).toContain(`the sizes ${sizes.join("-")} are`);
  expect(graph.inputs[0]!.shape).toEqual([sizes[0]]);
});

/** The files with some changed; undefined: left out. */
function changed(changes: Record<string, Uint8Array | undefined>): Uint8Array {
  const files = new Map(FILES);
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes) files.set(name, bytes);
    else files.delete(name);
  }
  return writeTar(files);
}

const without = (pattern: RegExp) =>
  changed(Object.fromEntries([...FILES.keys()].filter((name) => pattern.test(name)).map((name) => [name, undefined])));
const words = (...numbers: bigint[]) => new Uint8Array(BigInt64Array.from(numbers).buffer);

it.each<[string, Uint8Array, string]>([
  [
    "an element that is missing",
    changed({ "net/0-3-weights.bin": undefined }),
    "layer 0: found no weights of element 3",
  ],
  ["a layer that is missing", without(/\/1-/), "layer 1: found no files, but those of layer 2"],
  [
    "fewer thresholds",
    changed({ "net/0-15-thres.bin": undefined }),
    "layer 0: weights of 16 elements, thresholds of 15",
  ],
  [
    "a file that is cut",
    changed({ "net/0-3-weights.bin": new Uint8Array(40) }),
    "layer 0: weights of element 3 have 40 bytes, expected 48, as element 0 has",
  ],
  [
    "a file of no words",
    changed({ "net/0-0-weights.bin": new Uint8Array(7) }),
    "layer 0: weights of element 0 have 7 bytes, expected words of 8",
  ],
  ["an empty file", changed({ "net/0-0-thres.bin": new Uint8Array(0) }), "layer 0: thres of element 0 have 0 bytes"],
  [
    "a threshold beyond 32 bits",
    changed({ "net/0-0-thres.bin": words(1n, 2n ** 40n, 1n) }),
    "layer 0: threshold 1099511627776 of output 16",
  ],
  ["two networks", changed({ "other/0-0-weights.bin": words(1n) }), 'parameters of 2 networks, in "net/" and "other/"'],
  ["a layer by its number alone", changed({ "net/99-0-weights.bin": words(1n) }), "layer 99, element 0, but 51 files"],
  [
    "an element by its number alone",
    changed({ "net/0-4000-weights.bin": words(1n) }),
    "layer 0, element 4000, but 51 files",
  ],
  [
    "too few outputs to tell",
    writeTar(pynqFiles(randomLayers([64, 8, 64], 1), FOLDINGS)),
    "16 outputs of 1 words, expected at least 32 outputs",
  ],
])("%s is refused", (_, bytes, why) => {
  const read = () => readCheckpoint(bytes);
  expect(read).toThrow(CheckpointError);
  expect(read).toThrow(why);
});

/** Files of a network of another kind: words and thresholds of each layer, of one element. */
const other = (...layers: [bits: number, words: number, thresholds: number][]) => {
  const files = layers.flatMap(([bits, count, thresholds], l): [string, Uint8Array][] => [
    [
      `${l}-0-weights.bin`,
      words(...Array.from({ length: count }, (_, i) => BigInt.asIntN(64, (1n << BigInt(bits - (i % 2))) - 1n))),
    ],
    [`${l}-0-thres.bin`, words(...Array.from({ length: thresholds }, () => 3n))],
  ]);
  return new Map(files);
};

it.each<[string, Map<string, Uint8Array>, string]>([
  [
    "CNV, whose first layer reads 27 inputs",
    other([3, 9 * 64, 64]),
    'layer 0": its words have 3 bits, which are 27 inputs, not a multiple of 64',
  ],
  [
    "a convolution behind a layer",
    other([64, 64, 64], [32, 18 * 64, 64]),
    "which are 576 inputs, and the layer before it has 64 outputs: 9 times as many, as a convolution has",
  ],
  [
    "2-bit activations, of two thresholds",
    other([64, 64, 128], [64, 64, 64]),
    "its elements have 64 words of weights for 128 outputs",
  ],
  [
    "2-bit weights",
    other([64, 256, 64], [32, 64, 64]),
    "which are 32 inputs, and the layer before it has 64 outputs: as where weights have more bits",
  ],
  [
    "a last layer without thresholds",
    new Map([...other([64, 64, 64])].concat([["1-0-weights.bin", words(1n)]])),
    "it has weights and no thresholds, as the last layer of the convolutional networks (CNV)",
  ],
])("%s is refused, with what would work", (_, files, why) => {
  const read = () => readCheckpoint(writeTar(files));
  expect(read).toThrow(UnsupportedError);
  expect(read).toThrow(why);
  expect(read).toThrow("Instead: a folder of dense layers with weights and activations of 1 bit (LFC W1A1)");
});

it("files beside the parameters are told", () => {
  const { notes } = readCheckpoint(changed({ "net/classes.txt": new Uint8Array(3) }));
  expect(notes).toContain('1 of 51 files hold no parameters and are left out: "net/classes.txt"');
});

it("an archive of other files is none", () => {
  expect(() => readCheckpoint(writeTar(new Map([["a.txt", new Uint8Array(3)]])))).toThrow(
    'found a tar archive of "a.txt", expected BNN-PYNQ',
  );
  expect(() => readCheckpoint(gzipSync(new Uint8Array(5)))).toThrow(
    "found a gzip archive of something else, expected one of a tar archive",
  );
});

hostile(
  "BNN-PYNQ",
  writeTar(
    pynqFiles(randomLayers([64, 32, 3], 2), [
      { pe: 2, simd: 32 },
      { pe: 1, simd: 16 },
    ]),
  ),
  (bytes) => readCheckpoint(bytes),
);

const LFC = `${DATA}/bnn_pynq/lfcW1A1.tar.gz`;

describeWith([LFC, MNIST_IMAGES, MNIST_LABELS], "LFC W1A1", () => {
  it("is right on 98.34 % of the 10,000 test pictures", async () => {
    const bytes = new Uint8Array(readFileSync(LFC));
    expect(openTar(gunzipSync(bytes)).size).toBe(289);
    const { blob, notes } = await convert(bytes, { argmax: true });
    expect(notes[0]).toContain("784-1024-1024-1024-10");
    const session = await load({ ...(await bestModule(v8)), blob, engine: v8 });
    const pixels = gunzipSync(new Uint8Array(readFileSync(MNIST_IMAGES))).subarray(16);
    const labels = gunzipSync(new Uint8Array(readFileSync(MNIST_LABELS))).subarray(8);
    const rows = 50;
    let right = 0;
    for (let row = 0; row < labels.length; row += rows) {
      const [output] = session.run(pixels.slice(row * 784, (row + rows) * 784));
      for (const [i, digit] of output!.scores.entries()) if (digit === labels[row + i]) right++;
    }
    expect(right).toBe(9834);
  });
});
