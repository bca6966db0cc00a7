import { init, jit, numpy as np, tree } from "@jax-js/jax";
import { InputError } from "../../host/base/errors.ts";
import { type CountedRandom, countedRandom } from "./data/counted.ts";
import type { Samples } from "./data/samples.ts";
import { shuffled } from "./data/shuffle.ts";
import { firstParameters, type Network } from "./network.ts";
import type { Tensors } from "./optimizers/optimizer.ts";
import type { Recipe } from "./recipes/recipe.ts";
import { inference, type State, trainingStep } from "./step.ts";
import { arrayOf, arraysOf, type PlainTensors, plainTensor, plainTensors } from "./tensors.ts";

export interface Course {
  epochs: number;
  /** Samples in a step. */
  batch: number;
  /** Learning rate of the first step. */
  rate: number;
  /** Of the first weights, of the order of the samples, of how they are changed, and of what a recipe draws. */
  seed: number;
}

/** One epoch. Loss and accuracy are means over its steps, on what is learned from. */
export interface Epoch {
  loss: number;
  accuracy: number;
  /** On what is held out; null where nothing is. */
  heldOut: number | null;
  /** Learning rate of its last step. */
  rate: number;
}

/** Where training stands, mid-epoch or between two: all that it needs to go on to the same end. */
export interface Snapshot {
  /** Steps that are done. */
  step: number;
  /** Random numbers that were drawn up to the beginning of this epoch, and up to now. */
  drawn: { atEpoch: number; now: number };
  /** Of this epoch up to now. */
  sum: { loss: number; right: number };
  curve: Epoch[];
  tensors: PlainTensors;
  moments: { first: PlainTensors; second: PlainTensors };
}

/** What is told behind every step: means over the epoch so far. */
export interface Progress {
  /** From 1 on. */
  epoch: number;
  step: number;
  /** Of an epoch. */
  steps: number;
  loss: number;
  accuracy: number;
}

export interface TrainOptions {
  heldOut?: Samples | undefined;
  /** Where another run stopped. */
  from?: Snapshot | undefined;
  report?: (progress: Progress) => void;
  /** Called with where training stands: before the first step, behind every epoch, and behind steps for which `isDue` says so. */
  keep?: (snapshot: Snapshot) => Promise<void>;
  isDue?: () => boolean;
}

/**
 * Trains a network. The same arguments give the same network on one version of Node, whether or not it went on from a snapshot; others may round
 * elsewhere (jax-js uses fused multiply-add where WebAssembly has it) and end at about the same accuracy. Throws InputError where the loss grows beyond
 * all numbers.
 */
export async function train(
  network: Network,
  recipe: Recipe,
  samples: Samples,
  { epochs, batch, rate, seed }: Course,
  { heldOut, from, report, keep, isDue }: TrainOptions = {},
): Promise<{ tensors: PlainTensors; curve: Epoch[] }> {
  await init("wasm");
  const steps = Math.floor(samples.count / batch); // samples left over get their turn in another epoch
  if (steps === 0) throw new InputError(`${samples.count} samples, expected at least the ${batch} of a batch`);
  const step = jit(trainingStep(network, recipe));
  const infer = jit(inference(network, recipe));
  let random = countedRandom(seed, from?.drawn.atEpoch);
  let state = from ? stateFrom(network, from) : firstState(network, recipe, random);
  let done = from?.step ?? 0;
  const curve = [...(from?.curve ?? [])];
  let sum = from?.sum ?? { loss: 0, right: 0 };
  const stand = async (atEpoch: number): Promise<Snapshot> => ({
    ...{ step: done, drawn: { atEpoch, now: random.drawn() }, sum, curve: [...curve] },
    ...(await plainState(network, state)),
  });
  if (!from) await keep?.(await stand(random.drawn()));

  while (done < epochs * steps) {
    const epoch = Math.floor(done / steps);
    const atEpoch = random.drawn();
    const order = shuffled(samples.count, random.next);
    if (done % steps > 0) random = countedRandom(seed, from!.drawn.now); // another run stopped within this epoch
    let learningRate = rate;
    for (let at = done % steps; at < steps; at++) {
      const indices = order.subarray(at * batch, (at + 1) * batch);
      const labels = Int32Array.from(indices, (i) => samples.labels[i]!);
      const codes = np.array(samples.codes(indices, random.next), { shape: [batch, ...network.input.shape] });
      learningRate = recipe.schedule(rate, { epoch, epochs, step: done, steps: epochs * steps });
      const result = step(
        state,
        { codes, scale: np.array(samples.scale), labels: np.array(labels) },
        np.array(recipe.optimizer.rate(learningRate, ++done)),
        np.array([seedOf(seed, done)], { dtype: np.uint32 }).reshape([]),
      );
      state = result.state;
      const loss = (await result.loss.data())[0]!;
      if (!Number.isFinite(loss))
        throw new InputError(
          `the loss is ${loss} at step ${at + 1} of epoch ${epoch + 1}, expected a lower --rate than ${rate}`,
        );
      sum = { loss: sum.loss + loss, right: sum.right + countRight(await result.scores.data(), labels) };
      const means = { loss: sum.loss / (at + 1), accuracy: sum.right / ((at + 1) * batch) };
      report?.({ epoch: epoch + 1, step: at + 1, steps, ...means });
      if (at + 1 < steps && isDue?.()) await keep?.(await stand(atEpoch));
    }
    const seen = heldOut && countRight(await scoresOf(infer, network, state, heldOut), heldOut.labels) / heldOut.count;
    curve.push({
      loss: sum.loss / steps,
      accuracy: sum.right / (steps * batch),
      heldOut: seen ?? null,
      rate: learningRate,
    });
    sum = { loss: 0, right: 0 };
    await keep?.(await stand(random.drawn()));
  }
  step.dispose();
  infer.dispose();
  const tensors = await plainTensors(network, state);
  tree.dispose(state);
  return { tensors, curve };
}

/** Share of samples whose greatest score is that of their class. */
export async function accuracy(
  network: Network,
  recipe: Recipe,
  tensors: PlainTensors,
  samples: Samples,
): Promise<number> {
  const scored = await scores(network, recipe, tensors, samples);
  return countRight(scored, samples.labels) / samples.count;
}

/** Scores (count, classes) of samples by a trained network, row-major. */
export async function scores(
  network: Network,
  recipe: Recipe,
  tensors: PlainTensors,
  samples: Samples,
): Promise<Float32Array> {
  await init("wasm");
  const arrays = arraysOf(network, tensors);
  const infer = jit(inference(network, recipe));
  const result = await scoresOf(infer, network, arrays, samples);
  infer.dispose();
  tree.dispose(arrays);
  return result;
}

type Infer = ReturnType<typeof inference>;

async function scoresOf(
  infer: Infer,
  network: Network,
  { parameters, statistics }: Pick<State, "parameters" | "statistics">,
  samples: Samples,
): Promise<Float32Array> {
  const result = new Float32Array(samples.count * network.classes);
  for (let start = 0; start < samples.count; start += INFERENCE_BATCH) {
    const length = Math.min(INFERENCE_BATCH, samples.count - start);
    const data = samples.codes(Uint32Array.from({ length }, (_, i) => start + i));
    const codes = np.array(data, { shape: [length, ...network.input.shape] });
    const some = infer(tree.ref(parameters), tree.ref(statistics), { codes, scale: np.array(samples.scale) });
    result.set((await some.data()) as Float32Array, start * network.classes);
  }
  return result;
}

const INFERENCE_BATCH = 500;

function firstState(network: Network, { bound }: Recipe, random: CountedRandom): State {
  const parameters = firstParameters(network, bound, random.next);
  const zeros = () =>
    Object.fromEntries(Array.from(network.parameters, ([name, { dims }]) => [name, np.zeros([...dims])]));
  const statistics = Object.fromEntries(
    Array.from(network.norms, ([layer, channels]) => [
      layer,
      { mean: np.zeros([channels]), variance: np.ones([channels]) },
    ]),
  );
  return { parameters, moments: { first: zeros(), second: zeros() }, statistics };
}

function stateFrom(network: Network, { tensors, moments }: Snapshot): State {
  const arrays = (plain: PlainTensors) =>
    Object.fromEntries(Array.from(plain, ([name, tensor]) => [name, arrayOf(tensor)]));
  return { ...arraysOf(network, tensors), moments: { first: arrays(moments.first), second: arrays(moments.second) } };
}

async function plainState(network: Network, state: State): Promise<Pick<Snapshot, "tensors" | "moments">> {
  const plain = async (arrays: Tensors) => {
    const entries = Object.entries(arrays).map(async ([name, array]) => [name, await plainTensor(array)] as const);
    return new Map(await Promise.all(entries));
  };
  const { first, second } = state.moments;
  return {
    tensors: await plainTensors(network, state),
    moments: { first: await plain(first), second: await plain(second) },
  };
}

/** Of what is drawn within a step: every step has its own. */
function seedOf(seed: number, step: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ step) >>> 0;
}

/** Rows of scores whose greatest entry, the first among equals, is at the label. */
function countRight(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = scores.length / labels.length;
  let right = 0;
  for (let row = 0; row < labels.length; row++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (scores[row * classes + c]! > scores[row * classes + best]!) best = c;
    if (best === labels[row]) right++;
  }
  return right;
}
