import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { writeSafetensors } from "../../host/checkpoint/safetensors/write.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { unitOf } from "../../host/numbers/unit.ts";
import type { Dataset } from "../../tools/train/data/dataset.ts";
import { type Samples, samplesFor } from "../../tools/train/data/samples.ts";
import { planNetwork } from "../../tools/train/network.ts";
import { RECIPES } from "../../tools/train/recipes/index.ts";
import type { Recipe } from "../../tools/train/recipes/recipe.ts";
import { readSnapshot, writeSnapshot } from "../../tools/train/snapshot.ts";
import { type Snapshot, type TrainOptions, train } from "../../tools/train/train.ts";

const NETWORK = planNetwork(
  JSON.stringify({
    input: { shape: [1, 6, 6], quantizer: { bits: 8, signed: true, scale: "1/128" } },
    layers: [
      { op: "flatten" },
      { op: "dense", name: "a", weights: "binary", outputs: 8 },
      { op: "batch_norm", name: "an" },
      { op: "sign" },
      { op: "dense", name: "b", weights: "binary", outputs: 2 },
      { op: "batch_norm", name: "bn" },
    ],
  }),
);

function samples(seed: number, count: number): Samples {
  const random = mulberry32(seed);
  const labels = Uint16Array.from({ length: count }, () => Math.floor(2 * random()));
  const elements = Uint8Array.from(
    { length: count * 36 },
    (_, i) => 128 * random() + (i % 36 < 18 ? 127 * labels[Math.floor(i / 36)]! : 0),
  );
  const data: Dataset = { count, shape: [6, 6, 1], elements, labels };
  return samplesFor(NETWORK, data, unitOf({ scale: "1/255" }, 1), { shift: 1, flip: true, crop: false }, "random");
}

const COURSE = { epochs: 3, batch: 10, rate: 0.003, seed: 3 };
const STEPS = 4; // of an epoch: 47 samples, of which seven wait for another
const SETTINGS = { recipe: "bnn", epochs: "3" };

/** Everything that a recipe may draw. */
const RECIPE: Recipe = { ...RECIPES["bnn-stochastic"], dropout: { input: 0.1, hidden: 0.25 } };

function run(options: TrainOptions = {}) {
  return train(NETWORK, RECIPE, samples(1, 47), COURSE, { heldOut: samples(2, 30), ...options });
}

describe("a training that goes on from where another stopped", async () => {
  const kept: Uint8Array[] = [];
  const whole = await run({
    isDue: () => true,
    keep: async (snapshot) => {
      kept.push(writeSnapshot(snapshot, SETTINGS));
    },
  });

  it("is kept before the first step, behind every step, and at the end", () => {
    const steps = kept.map((bytes) => readSnapshot(bytes, NETWORK, SETTINGS, "kept").step);
    expect(steps).toEqual(Array.from({ length: COURSE.epochs * STEPS + 1 }, (_, i) => i));
  });

  it.each([0, 1, STEPS - 1, STEPS, STEPS + 2, 3 * STEPS - 1, 3 * STEPS])(
    "ends alike from behind step %i",
    async (step) => {
      const from = readSnapshot(kept[step]!, NETWORK, SETTINGS, "kept");
      expect(await run({ from })).toEqual(whole);
    },
  );

  it("has a curve of every epoch, with what is held out", () => {
    expect(whole.curve).toHaveLength(COURSE.epochs);
    for (const { heldOut } of whole.curve) expect((heldOut! * 30) % 1).toBeCloseTo(0, 9);
  });

  it("is another for another seed", async () => {
    expect(await train(NETWORK, RECIPE, samples(1, 47), { ...COURSE, seed: 4 })).not.toMatchObject({
      tensors: whole.tensors,
    });
  });

  const { tensors, moments, ...stand } = readSnapshot(kept[5]!, NETWORK, SETTINGS, "kept");
  const metadata = (value: unknown) => ({ "littletern.training": JSON.stringify(value) });

  it.each<[string, Uint8Array, string]>([
    [
      "other settings",
      writeSnapshot({ tensors, moments, ...stand }, { ...SETTINGS, epochs: "4" }),
      "is of another training: epochs 4, expected 3; --restart begins anew",
    ],
    [
      "fewer settings",
      writeSnapshot({ tensors, moments, ...stand }, { recipe: "bnn" }),
      "is of another training: epochs none, expected 3",
    ],
    ["weights alone", writeSafetensors(tensors), "found weights alone, expected where a training stands"],
    ["no JSON", writeSafetensors(tensors, { "littletern.training": "{" }), "where the training stands is no JSON"],
    [
      "no steps",
      writeSafetensors(tensors, metadata({ ...stand, settings: SETTINGS, step: "5" })),
      "where the training stands is not told",
    ],
    [
      "a curve of something else",
      writeSafetensors(tensors, metadata({ ...stand, settings: SETTINGS, curve: [1] })),
      "is not told",
    ],
    [
      "a tensor too few",
      writeSnapshot({ tensors: new Map(), moments, ...stand }, SETTINGS),
      'tensor "a.weight" is missing',
    ],
    [
      "a tensor of another shape",
      writeSnapshot(
        { tensors: new Map([...tensors, ["an.bias", { dims: [1], data: new Float32Array(1) }]]), moments, ...stand },
        SETTINGS,
      ),
      'tensor "an.bias" has shape [1], expected [8]',
    ],
  ])("refuses a file of %s", (_, bytes, why) => {
    const read = () => readSnapshot(bytes, NETWORK, SETTINGS, "net.training.safetensors");
    expect(read).toThrow(InputError);
    expect(read).toThrow(why);
    expect(read).toThrow(/^net\.training\.safetensors: /);
  });
});

it("stops where the loss grows beyond all numbers", async () => {
  const recipe = { ...RECIPES.ternary, schedule: () => Number.POSITIVE_INFINITY };
  await expect(train(NETWORK, recipe, samples(1, 47), COURSE)).rejects.toThrow(
    /^the loss is NaN at step 2 of epoch 1, expected a lower --rate/,
  );
});

it("refuses fewer samples than a batch", async () => {
  await expect(train(NETWORK, RECIPE, samples(1, 9), COURSE)).rejects.toThrow(
    "9 samples, expected at least the 10 of a batch",
  );
});

it("loses no snapshot that cannot be written", async () => {
  const full = new InputError("the disk is full");
  const kept: Snapshot[] = [];
  const keep = async (snapshot: Snapshot) => {
    if (kept.length === 2) throw full;
    kept.push(snapshot);
  };
  await expect(run({ keep })).rejects.toBe(full);
  expect(kept.map(({ step }) => step)).toEqual([0, STEPS]);
});
