import { type numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { Keys } from "./keys.ts";
import { type Affine, blend, type Statistics } from "./layers/batch_norm.ts";
import { dropout } from "./layers/dropout.ts";
import type { Quantized } from "./layers/quantized.ts";
import { quantizeWeights } from "./layers/weights.ts";
import { forward, type Network } from "./network.ts";
import type { Moments, Tensors } from "./optimizers/optimizer.ts";
import type { Pass } from "./plan.ts";
import type { Recipe } from "./recipes/recipe.ts";

/** All that a step changes. */
export type State = {
  /** Latent weights, biases, and what batch norms learn. */
  parameters: Tensors;
  moments: Moments;
  /** Running averages of each batch norm, by the name of its layer. */
  statistics: Record<string, Statistics>;
};

/** A batch of samples as codes (N, …), the real value of one code, and their classes (N). */
export type Batch = { codes: np.Array; scale: np.Array; labels: np.Array };

/** All that happens to one batch: forward, backward, update, running averages. Consumes its arguments. `seed`: of what is drawn at random. */
export function trainingStep(network: Network, recipe: Recipe) {
  const lossOf = (parameters: Tensors, { codes, scale, labels }: Batch, seed: np.Array) => {
    const keys = new Keys(seed);
    const statistics: State["statistics"] = {};
    const normalise: Pass["normalise"] = (x, layer, affine, epsilon) => {
      const batch = recipe.norm.statistics(x.ref);
      statistics[layer] = { mean: batch.mean.ref, variance: batch.variance.ref };
      return recipe.norm.normalise(x, batch, affine, epsilon);
    };
    const scores = forward(network, passOf(recipe, parameters, normalise, keys), { codes, scale });
    keys.dispose();
    return [recipe.loss(scores.ref, labels), { scores, statistics }] as [
      np.Array,
      { scores: np.Array; statistics: State["statistics"] },
    ];
  };
  const differentiate = valueAndGrad(lossOf, { hasAux: true });

  return ({ parameters, moments, statistics }: State, batch: Batch, rate: np.Array, seed: np.Array) => {
    const [[loss, { scores, statistics: ofBatch }], gradients] = differentiate(tree.ref(parameters), batch, seed);
    const state: State = {
      ...update(network, recipe, parameters, gradients as Tensors, moments, rate),
      statistics: Object.fromEntries(
        Object.entries(statistics).map(([layer, running]) => [layer, blend(running, ofBatch[layer]!)]),
      ),
    };
    return { state, loss, scores };
  };
}

/** Moves every parameter by its step, and latent weights within their limits. Consumes everything it is given. */
function update(
  { parameters: declared }: Network,
  { optimizer, weightRate, limit }: Recipe,
  parameters: Tensors,
  gradients: Tensors,
  { first, second }: Moments,
  rate: np.Array,
): { parameters: Tensors; moments: Moments } {
  const moved: Tensors = {};
  const moments: Moments = { first: {}, second: {} };
  for (const [name, { first: kind, fans }] of declared) {
    const { step, ...moment } = optimizer.step(gradients[name]!, first[name]!, second[name]!, rate.ref);
    const isWeights = kind === "weights";
    const factor = isWeights ? weightRate(fans) : 1;
    const parameter = parameters[name]!.sub(factor === 1 ? step : step.mul(factor));
    moved[name] = isWeights ? limit(parameter) : parameter;
    moments.first[name] = moment.first;
    moments.second[name] = moment.second;
  }
  rate.dispose();
  return { parameters: moved, moments };
}

/** Scores (N, classes) of a batch by the running averages; nothing is drawn or left out. Consumes the codes and their scale. */
export function inference(network: Network, recipe: Recipe) {
  return (parameters: Tensors, statistics: State["statistics"], batch: Quantized): np.Array => {
    const normalise: Pass["normalise"] = (x, layer, affine: Affine, epsilon) => {
      return recipe.norm.normalise(x, statistics[layer]!, affine, epsilon);
    };
    return forward(network, passOf(recipe, parameters, normalise), batch);
  };
}

/** What layers find, in training with `keys` to draw by. */
function passOf(recipe: Recipe, parameters: Tensors, normalise: Pass["normalise"], keys?: Keys): Pass {
  let layersWithWeights = 0;
  const key = () => keys?.next();
  return {
    parameter: (name) => parameters[name]!,
    weights: (name, quantizer) => quantizeWeights(parameters[name]!, quantizer, recipe.binarizeWeights, key),
    intoWeights(x) {
      const share = layersWithWeights++ === 0 ? recipe.dropout.input : recipe.dropout.hidden;
      return keys && share > 0 ? dropout(x, share, keys.next()) : x;
    },
    normalise,
    sign: (x) => recipe.binarizeActivations(x, key),
  };
}
