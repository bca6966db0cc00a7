import { init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { mulberry32, type Random } from "../../host/numbers/random.ts";
import { adam, correctedRate, type Moments, zeroMoments } from "./adam.ts";
import { type Dataset, picture, randomShift } from "./dataset.ts";
import {
  type Architecture,
  blend,
  infer,
  inferBatch,
  initialParameters,
  initialStatistics,
  type LayerParameters,
  type Statistics,
  weightQuantizer,
  widths,
} from "./model.ts";
import { shuffled } from "./shuffle.ts";

export interface Schedule {
  epochs: number;
  batchSize: number;
  /** Of the first step; falls to 0 along half a cosine. */
  learningRate: number;
  /** Of the first weights, of the order of the pictures and of their shifts. */
  seed: number;
  /** Pixels that a picture may be moved each way, at random, each time it is shown. */
  shift: number;
}

/** One layer as plain numbers. */
export interface TrainedLayer {
  inputs: number;
  outputs: number;
  /** Latent weights (M, K), row-major. */
  weights: Float32Array;
  /** Real value of a weight code, one number for the tensor. */
  scale: number;
  /** Batch norm, M entries each. */
  gamma: Float32Array;
  beta: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
}

export interface TrainedNetwork {
  architecture: Architecture;
  layers: TrainedLayer[];
}

/** Where training stands. Loss and accuracy are means over the epoch so far, on the training pictures. */
export interface Progress {
  epoch: number;
  epochs: number;
  step: number;
  steps: number;
  loss: number;
  accuracy: number;
}

/**
 * Trains a network. The same arguments give the same network on one version of Node; others may round elsewhere (jax-js
 * uses fused multiply-add where WebAssembly has it) and end at about the same accuracy.
 */
export async function train(
  architecture: Architecture,
  data: Dataset,
  { epochs, batchSize, learningRate, shift, seed }: Schedule,
  report: (progress: Progress) => void = () => {},
): Promise<TrainedNetwork> {
  await init("wasm");
  const random = mulberry32(seed);
  const steps = Math.floor(data.count / batchSize); // pictures left over get their turn in another epoch
  const update = jit(updateStep(architecture));
  let state: TrainingState = initialState(architecture, random);

  for (let epoch = 1, done = 0; epoch <= epochs; epoch++) {
    const order = shuffled(data.count, random);
    let loss = 0;
    let right = 0;
    for (let step = 1; step <= steps; step++) {
      const indices = order.subarray((step - 1) * batchSize, step * batchSize);
      const pictures = gather(data, indices, (pixels) => randomShift(pixels, data.rows, data.columns, shift, random));
      const labels = Int32Array.from(indices, (i) => data.labels[i]!);
      const rate = learningRate * halfCosine(done / (epochs * steps));
      const result = update(state, pictures, np.array(labels), np.array(correctedRate(rate, ++done)));
      state = result.state;
      loss += result.loss.js() as number;
      right += countRight(result.scores.dataSync() as Float32Array, labels);
      report({ epoch, epochs, step, steps, loss: loss / step, accuracy: right / (step * batchSize) });
    }
  }
  update.dispose();
  tree.dispose(state.moments);
  return { architecture, layers: plainLayers(architecture, state) };
}

/** Scores (count, classes) of pictures, row-major. */
export async function scores({ architecture, layers }: TrainedNetwork, data: Dataset): Promise<Float32Array> {
  await init("wasm");
  const parameters = layers.map(({ inputs, outputs, weights, gamma, beta }) => ({
    weights: np.array(weights, { shape: [outputs, inputs] }),
    gamma: np.array(gamma),
    beta: np.array(beta),
  }));
  const statistics = layers.map(({ mean, variance }) => ({ mean: np.array(mean), variance: np.array(variance) }));
  const inferJit = jit((p: LayerParameters[], s: Statistics[], x: np.Array) => infer(architecture, p, s, x));

  const result = new Float32Array(data.count * architecture.classes);
  for (let start = 0; start < data.count; start += INFERENCE_BATCH) {
    const indices = Uint32Array.from({ length: Math.min(INFERENCE_BATCH, data.count - start) }, (_, i) => start + i);
    const some = inferJit(tree.ref(parameters), tree.ref(statistics), gather(data, indices));
    result.set(some.dataSync() as Float32Array, start * architecture.classes);
  }
  inferJit.dispose();
  tree.dispose([parameters, statistics]);
  return result;
}

/** Share of pictures whose greatest score is that of their class. */
export async function accuracy(network: TrainedNetwork, data: Dataset): Promise<number> {
  return countRight(await scores(network, data), data.labels) / data.count;
}

const INFERENCE_BATCH = 500;

type TrainingState = {
  parameters: LayerParameters[];
  moments: Moments<LayerParameters[]>;
  /** Running averages. */
  statistics: Statistics[];
};

function initialState(architecture: Architecture, random: Random): TrainingState {
  const parameters = initialParameters(architecture, random);
  return { parameters, moments: zeroMoments(parameters), statistics: initialStatistics(architecture) };
}

/** All that happens to one batch: loss, gradients, Adam, running averages. Consumes its arguments. */
function updateStep(architecture: Architecture) {
  const loss = (parameters: LayerParameters[], pixels: np.Array, labels: np.Array) => {
    const [scores, batchStatistics] = inferBatch(architecture, parameters, pixels);
    const truth = nn.oneHot(labels, architecture.classes);
    const crossEntropy = nn.logSoftmax(scores.ref).mul(truth).sum(1).mean().neg();
    return [crossEntropy, { scores, batchStatistics }] as [
      np.Array,
      { scores: np.Array; batchStatistics: Statistics[] },
    ];
  };
  const differentiate = valueAndGrad(loss, { hasAux: true });

  return ({ parameters, moments, statistics }: TrainingState, pixels: np.Array, labels: np.Array, rate: np.Array) => {
    const [[loss, { scores, batchStatistics }], gradients] = differentiate(tree.ref(parameters), pixels, labels);
    const state: TrainingState = {
      ...adam(parameters, gradients as LayerParameters[], moments, rate),
      statistics: blend(statistics, batchStatistics),
    };
    return { state, loss, scores };
  };
}

/** 1 at the start of training, 0 at its end. */
function halfCosine(fraction: number): number {
  return (1 + Math.cos(Math.PI * fraction)) / 2;
}

/** Rows of scores whose greatest entry, the first among equals, is at the label. */
function countRight(scores: Float32Array, labels: ArrayLike<number>): number {
  const classes = scores.length / labels.length;
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    if (row.indexOf(Math.max(...row)) === labels[i]) right++;
  }
  return right;
}

/** Codes of some pictures (N, pixels), as floats. */
function gather(data: Dataset, indices: Uint32Array, change = (pixels: Uint8Array) => pixels): np.Array {
  const size = data.rows * data.columns;
  const codes = new Float32Array(indices.length * size);
  for (const [i, index] of indices.entries()) codes.set(change(picture(data, index)), i * size);
  return np.array(codes, { shape: [indices.length, size] });
}

function weightScale(architecture: Architecture, weights: np.Array): number {
  const { codes, scale } = weightQuantizer(architecture)(weights);
  codes.dispose();
  return scale.js() as number;
}

/** Reads the arrays out of jax-js. Consumes them. */
function plainLayers(
  architecture: Architecture,
  { parameters, statistics }: Omit<TrainingState, "moments">,
): TrainedLayer[] {
  const channels = widths(architecture);
  const read = (array: np.Array) => array.dataSync() as Float32Array;
  return parameters.map(({ weights, gamma, beta }, i) => ({
    inputs: channels[i]!,
    outputs: channels[i + 1]!,
    scale: weightScale(architecture, weights.ref),
    weights: read(weights),
    gamma: read(gamma),
    beta: read(beta),
    mean: read(statistics[i]!.mean),
    variance: read(statistics[i]!.variance),
  }));
}
