import { numpy as np } from "@jax-js/jax";
import type { Random } from "../../host/numbers/random.ts";
import { binaryWeights, type Quantized, quantizedRelu, signActivation, ternaryWeights } from "./quantizers.ts";

/**
 * A dense low-bit classifier of 8-bit pictures. Each layer: product with quantized weights, batch norm, quantizer; the
 * last has no quantizer.
 */
export interface Architecture {
  /** Shape of one picture: channels, rows, columns. */
  picture: [number, number, number];
  /** Output channels of each hidden layer. */
  hidden: number[];
  classes: number;
  weights: "ternary" | "binary";
  /** Bits of the quantized ReLU between layers, 1 to 8; "sign" for ±1. */
  activations: number | "sign";
}

/** What the optimizer moves. Weights are latent floats (M, K); gamma and beta of the batch norm have M entries. */
export type LayerParameters = { weights: np.Array; gamma: np.Array; beta: np.Array };

/** Mean and variance of each channel before its batch norm. */
export type Statistics = { mean: np.Array; variance: np.Array };

/** Pixels are real numbers code / 255. */
export const PIXEL_SCALE = 1 / 255;
/** Of the batch norm. */
export const EPSILON = 1e-5;
const MOMENTUM = 0.9;

/** Channels at each layer boundary: pixels, hidden …, classes. */
export function widths({ picture, hidden, classes }: Architecture): number[] {
  return [picture[0] * picture[1] * picture[2], ...hidden, classes];
}

/** Glorot's uniform weights, batch norms that do nothing. */
export function initialParameters(architecture: Architecture, random: Random): LayerParameters[] {
  return layerSizes(architecture).map(([inputs, outputs]) => {
    const bound = Math.sqrt(6 / (inputs + outputs));
    const weights = Float32Array.from({ length: outputs * inputs }, () => (2 * random() - 1) * bound);
    return {
      weights: np.array(weights, { shape: [outputs, inputs] }),
      gamma: np.ones([outputs]),
      beta: np.zeros([outputs]),
    };
  });
}

export function initialStatistics(architecture: Architecture): Statistics[] {
  return layerSizes(architecture).map(([, outputs]) => ({ mean: np.zeros([outputs]), variance: np.ones([outputs]) }));
}

function layerSizes(architecture: Architecture): [inputs: number, outputs: number][] {
  const channels = widths(architecture);
  return channels.slice(1).map((outputs, i) => [channels[i]!, outputs]);
}

/** Scores (N, classes) of pictures given as pixel codes (N, pixels), with the statistics gathered in training. */
export function infer(
  architecture: Architecture,
  parameters: LayerParameters[],
  statistics: Statistics[],
  pixels: np.Array,
): np.Array {
  return forward(architecture, parameters, pixels, (x, i) => normalise(x, statistics[i]!));
}

/** Scores in training: each batch is normalised by its own statistics, which are returned too. */
export function inferBatch(
  architecture: Architecture,
  parameters: LayerParameters[],
  pixels: np.Array,
): [scores: np.Array, statistics: Statistics[]] {
  const statistics: Statistics[] = [];
  const scores = forward(architecture, parameters, pixels, (x) => {
    const mean = x.ref.mean(0);
    const variance = np.square(x.ref.sub(mean.ref)).mean(0);
    statistics.push({ mean: mean.ref, variance: variance.ref });
    return normalise(x, { mean, variance });
  });
  return [scores, statistics];
}

/** Running averages after one more batch. */
export function blend(running: Statistics[], batch: Statistics[]): Statistics[] {
  const mix = (a: np.Array, b: np.Array) => a.mul(MOMENTUM).add(b.mul(1 - MOMENTUM));
  return running.map((r, i) => ({
    mean: mix(r.mean, batch[i]!.mean),
    variance: mix(r.variance, batch[i]!.variance),
  }));
}

export function weightQuantizer({ weights }: Architecture): (weights: np.Array) => Quantized {
  return weights === "ternary" ? ternaryWeights : binaryWeights;
}

function activationQuantizer({ activations }: Architecture): (x: np.Array) => Quantized {
  return activations === "sign" ? signActivation : (x) => quantizedRelu(x, activations);
}

function forward(
  architecture: Architecture,
  parameters: LayerParameters[],
  pixels: np.Array,
  normaliseLayer: (x: np.Array, layer: number) => np.Array,
): np.Array {
  const quantizeWeights = weightQuantizer(architecture);
  const activate = activationQuantizer(architecture);
  const layer = (x: Quantized, i: number) => {
    const { weights, gamma, beta } = parameters[i]!;
    return normaliseLayer(dense(x, quantizeWeights(weights)), i)
      .mul(gamma)
      .add(beta);
  };

  const last = parameters.length - 1;
  let x: Quantized = { codes: pixels, scale: np.array(PIXEL_SCALE) };
  for (let i = 0; i < last; i++) x = activate(layer(x, i));
  return layer(x, last);
}

/** x (N, K) times weights (M, K) transposed: exact integers, scaled once. */
function dense(x: Quantized, weights: Quantized): np.Array {
  return np.matmul(x.codes, weights.codes.transpose()).mul(x.scale.mul(weights.scale));
}

function normalise(x: np.Array, { mean, variance }: Statistics): np.Array {
  return x.sub(mean).div(np.sqrt(variance.add(EPSILON)));
}
