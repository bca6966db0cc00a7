import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { init, jit, numpy as np, tree } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { planNetwork } from "../../tools/train/network.ts";
import { RECIPES } from "../../tools/train/recipes/index.ts";
import type { RecipeName } from "../../tools/train/recipes/names.ts";
import { type State, trainingStep } from "../../tools/train/step.ts";
import { type Given, givenSteps, STEP_RECIPES, type Stand, trainBySteps } from "./definition.ts";

// What is given and what follows stands in steps.json, so that trainers in other languages can be held against it, too.

const STEPS = 6;
const TOLERANCE = 1e-5;

const CASES = Object.fromEntries(
  STEP_RECIPES.map((name) => {
    const given = givenSteps(name, STEPS);
    return [name, { given, expected: trainBySteps(given) }];
  }),
);

const FILE = join(import.meta.dirname, "steps.json");

it("steps.json has what the plain loops compute; TERN_STEPS=write writes it", () => {
  if (process.env.TERN_STEPS === "write") {
    const rows = JSON.stringify(CASES, null, 1).replace(/\[[^[\]]+\]/g, (row) => row.replace(/\s+/g, ""));
    writeFileSync(FILE, `${rows}\n`);
  }
  expectClose(JSON.parse(readFileSync(FILE, "utf8")), JSON.parse(JSON.stringify(CASES)), "steps");
});

/** Equal but for the last bits of numbers, in which exponentials of one Node differ from another's. */
function expectClose(found: unknown, expected: unknown, where: string): void {
  if (typeof found === "number" && typeof expected === "number") {
    expect(Math.abs(found - expected), where).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected)));
  } else if (found instanceof Object && expected instanceof Object) {
    expect(Object.keys(found), where).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(found)) {
      expectClose(value, (expected as Record<string, unknown>)[key], `${where}.${key}`);
    }
  } else expect(found, where).toBe(expected);
}

describe.each(Object.entries(CASES))("%s", (name, { given, expected }) => {
  beforeAll(async () => {
    await init("wasm");
  });

  it(`takes ${STEPS} steps within ${TOLERANCE} of the plain loops`, () => {
    const network = planNetwork(JSON.stringify(archOf(given)));
    const recipe = RECIPES[name as RecipeName];
    const step = jit(trainingStep(network, recipe));
    let state = stateOf(given);
    for (const [i, { codes, labels, rate }] of given.steps.entries()) {
      const batch = { codes: np.array(codes), scale: np.array(given.scale), labels: np.array(Int32Array.from(labels)) };
      const seed = np.array(0, { dtype: np.uint32 });
      const result = step(state, batch, np.array(recipe.optimizer.rate(rate, i + 1)), seed);
      state = result.state;
      const found = {
        loss: result.loss.js() as number,
        scores: result.scores.js() as number[][],
        layers: layersOf(given, state),
      };
      expect(farthest(found, expected[i]!), `step ${i + 1}`).toBeLessThan(TOLERANCE);
    }
    tree.dispose(state);
  });

  it("moves everything that is learned", () => {
    const [first, last] = [given.layers, expected.at(-1)!.layers];
    for (const [l, { weight, norm }] of first.entries()) {
      expect(weight).not.toEqual(last[l]!.weight);
      expect(norm.weight).not.toEqual(last[l]!.norm.weight);
      expect(norm.bias).not.toEqual(last[l]!.norm.bias);
    }
  });
});

function archOf({ weights, activation, epsilon, scale, layers }: Given): object {
  return {
    input: { shape: [layers[0]!.weight[0]!.length], quantizer: { bits: 8, signed: true, scale } },
    layers: layers.flatMap(({ weight }, l) => [
      { op: "dense", name: `dense${l}`, weights, outputs: weight.length },
      { op: "batch_norm", name: `norm${l}`, epsilon },
      ...(l === layers.length - 1
        ? []
        : [activation === "sign" ? { op: "sign" } : { op: "quantize", signed: false, ...activation }]),
    ]),
  };
}

function stateOf({ layers }: Given): State {
  const parameters = () =>
    Object.fromEntries(
      layers.flatMap(({ weight, norm }, l) => [
        [`dense${l}.weight`, np.array(weight)],
        [`norm${l}.weight`, np.array(norm.weight)],
        [`norm${l}.bias`, np.array(norm.bias)],
      ]),
    );
  const zeros = () =>
    Object.fromEntries(Object.entries(parameters()).map(([name, { shape }]) => [name, np.zeros(shape)]));
  const statistics = layers.map(({ norm }, l) => [
    `norm${l}`,
    { mean: np.array(norm.running_mean), variance: np.array(norm.running_var) },
  ]);
  return {
    parameters: parameters(),
    moments: { first: zeros(), second: zeros() },
    statistics: Object.fromEntries(statistics),
  };
}

function layersOf({ layers }: Given, { parameters, statistics }: State): Stand["layers"] {
  const read = <T>(array: np.Array) => array.ref.js() as T;
  return layers.map((_, l) => ({
    weight: read<number[][]>(parameters[`dense${l}.weight`]!),
    norm: {
      weight: read<number[]>(parameters[`norm${l}.weight`]!),
      bias: read<number[]>(parameters[`norm${l}.bias`]!),
      running_mean: read<number[]>(statistics[`norm${l}`]!.mean),
      running_var: read<number[]>(statistics[`norm${l}`]!.variance),
    },
  }));
}

/** The greatest difference of two numbers at the same place. */
function farthest(found: unknown, expected: unknown): number {
  if (typeof expected === "number") return Math.abs((found as number) - expected);
  const places = Object.keys(expected as object);
  expect(Object.keys(found as object)).toEqual(places);
  return Math.max(
    ...places.map((place) =>
      farthest((found as Record<string, unknown>)[place], (expected as Record<string, unknown>)[place]),
    ),
  );
}
