import { expect, it } from "vitest";
import { unitOf } from "../../host/numbers/unit.ts";
import { drawn } from "../../tools/train/data/digits.ts";
import { samplesFor } from "../../tools/train/data/samples.ts";
import { planNetwork } from "../../tools/train/network.ts";
import { RECIPES } from "../../tools/train/recipes/index.ts";
import { RECIPE_NAMES, type RecipeName } from "../../tools/train/recipes/names.ts";
import { accuracy, train } from "../../tools/train/train.ts";
import { ALL_SEEDS } from "../seeds.ts";

/** As long as it takes shifts to learn as much as Adam, or long enough to see that they learn. */
const LONG = { hidden: 128, count: 2000, batch: 100, epochs: 20 };
const SHORT = { hidden: 48, count: 600, batch: 50, epochs: 10 };
const { hidden, count, batch, epochs } = ALL_SEEDS ? LONG : SHORT;

const NETWORK = planNetwork(
  JSON.stringify({
    input: { shape: [256], quantizer: { bits: 8, signed: true, scale: "1/128" } },
    layers: [
      { op: "dense", name: "a", weights: "binary", outputs: hidden },
      { op: "batch_norm", name: "an" },
      { op: "sign" },
      { op: "dense", name: "b", weights: "binary", outputs: 10 },
      { op: "batch_norm", name: "bn" },
    ],
  }),
);

const samples = (count: number, seed: number) => {
  const unit = unitOf({ scale: "1/255", mean: 0.5, std: 0.5 }, 1);
  return samplesFor(NETWORK, drawn(count, seed), unit, { shift: 0, flip: false, crop: false }, "digits");
};
const [TRAINING, TEST] = [samples(count, 5), samples(count, 6)];

async function learned(name: RecipeName, rate: number): Promise<number> {
  const { tensors } = await train(NETWORK, RECIPES[name], TRAINING, { epochs, batch, rate, seed: 1 });
  return accuracy(NETWORK, RECIPES[name], tensors, TEST);
}

it("learns by shifts at the rate of the paper's code, and not at that of its text", async () => {
  const [code, text] = [await learned("bnn-shift", 2 ** -6), await learned("bnn-shift", 2 ** -10)];
  expect(code).toBeGreaterThan(text + 0.15);
  if (ALL_SEEDS) expect(code).toBeGreaterThan((await learned("bnn", RECIPES.bnn.rate)) - 0.02);
});

it("has a recipe for every name", () => {
  expect(Object.keys(RECIPES).sort()).toEqual([...RECIPE_NAMES].sort());
});
