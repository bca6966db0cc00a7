import { numpy as np } from "@jax-js/jax";
import { InputError } from "../../host/base/errors.ts";
import { MAX_WEIGHTS } from "../../host/base/limits.ts";
import { didYouMean } from "../../host/base/nearest.ts";
import { shown } from "../../host/base/printable.ts";
import { type Arch, readArch } from "../../host/checkpoint/arch/layers.ts";
import { isOfPictures } from "../../host/checkpoint/arch/translate.ts";
import { elements } from "../../host/checkpoint/tensor.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { Random } from "../../host/numbers/random.ts";
import type { Quantized } from "./layers/quantized.ts";
import type { Tensors } from "./optimizers/optimizer.ts";
import {
  normTensors,
  type Parameter,
  type Pass,
  type PlannedLayer,
  type Planner,
  planLayer,
  quantizerOf,
} from "./plan.ts";

/** A network described by hand, ready to be trained. */
export interface Network {
  arch: Arch;
  input: {
    name: string;
    /** Of one sample, a picture with its channels last: (height, width, channels) or (features). */
    shape: readonly number[];
    quantizer: Quantizer | undefined;
  };
  layers: readonly PlannedLayer[];
  /** Everything that is learned, by the names of its tensors. */
  parameters: ReadonlyMap<string, Parameter>;
  /** Channels of each batch norm, by the name of its layer. */
  norms: ReadonlyMap<string, number>;
  classes: number;
}

/** Reads a network described by hand for training. Throws InputError for one that does not fit itself, or that trainers cannot make. */
export function planNetwork(text: string): Network {
  const arch = readArch(text);
  const { name = "input", shape, layout = "chw", quantizer } = arch.input;
  const parameters = new Map<string, Parameter>();
  const norms = new Map<string, number>();
  const shapes = new Map<string, readonly number[]>([[name, inputShape(arch)]]);
  const taken = new Set<string>();
  const take = (tensor: string, path: string) => {
    if (taken.has(tensor)) throw new InputError(`${path}: tensor "${shown(tensor)}" is that of another layer, too`);
    taken.add(tensor);
  };
  const to: Planner = {
    order: layout,
    parameter(tensor, parameter, path) {
      take(tensor, path);
      parameters.set(tensor, parameter);
    },
    norm(layer, channels, path) {
      const { mean, variance } = normTensors(layer);
      for (const tensor of [mean, variance]) take(tensor, path);
      norms.set(layer.name, channels);
    },
    shapeOf(layer, path) {
      const known = shapes.get(layer);
      if (known) return known;
      const hint = didYouMean(layer, [...shapes.keys()]);
      throw new InputError(
        `${path}: found "${shown(layer)}"${hint || ","} expected the name of an earlier layer, or of the input`,
      );
    },
  };
  let last = name;
  const layers = arch.layers.map((layer, i): PlannedLayer => {
    const path = `arch.layers[${i}]`;
    const from = layer.from ?? last;
    const input = { shape: to.shapeOf(from, `${path}.from`) };
    const planned = planLayer(to, layer, { path, where: `layer "${shown(layer.name)}" (${layer.op})`, input });
    shapes.set(layer.name, planned.shape);
    last = layer.name;
    return { name: layer.name, from, with: planned.with, ...planned };
  });
  const scores = shapes.get(last)!;
  if (scores.length !== 1 || scores[0]! < 2) {
    throw new InputError(`arch: the last layer gives [${scores.join(", ")}], expected the scores of 2 classes or more`);
  }
  const weights = Array.from(parameters.values()).reduce((sum, { dims }) => sum + elements(dims), 0);
  if (weights > MAX_WEIGHTS) {
    throw new InputError(`arch: ${weights} weights, expected at most ${MAX_WEIGHTS}, which a converter reads`);
  }
  if (parameters.size === 0) throw new InputError("arch: no layer has weights, expected some to train");
  return {
    arch,
    input: {
      name,
      shape: shape.length === 3 && layout === "chw" ? [shape[1]!, shape[2]!, shape[0]!] : shape,
      quantizer: quantizer && quantizerOf(quantizer, "arch.input.quantizer"),
    },
    ...{ layers, parameters, norms, classes: scores[0]! },
  };
}

/** Of a sample as layers see it: [channels, height, width], or [features]. */
function inputShape({ input: { shape, layout }, layers }: Arch): readonly number[] {
  if (shape.length === 2)
    throw new InputError(`arch.input.shape: found [${shape}], expected one axis, or the three of a picture`);
  if (layout !== "hwc" || shape.length === 1) return shape;
  const [height, width, channels] = shape as [number, number, number];
  return layers.some(isOfPictures) ? [channels, height, width] : [elements(shape)];
}

/** Scores (N, classes) of a batch: codes (N, …input.shape) times their scale. Consumes the batch. */
export function forward({ input, layers, arch }: Network, pass: Pass, batch: Quantized): np.Array {
  const isFlat = arch.input.layout === "hwc" && !arch.layers.some(isOfPictures);
  const codes = isFlat ? batch.codes.reshape([-1, elements(input.shape)]) : batch.codes;
  const results = new Map<string, Quantized>([[input.name, { codes, scale: batch.scale }]]);
  const uses = new Map<string, number>();
  for (const { from, with: other } of layers) {
    for (const name of [from, other]) if (name !== undefined) uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  /** A result: itself for its last use, before that a reference. */
  const take = (name: string): Quantized => {
    const { codes, scale } = results.get(name)!;
    const left = uses.get(name)! - 1;
    uses.set(name, left);
    return left === 0 ? { codes, scale } : { codes: codes.ref, scale: scale.ref };
  };
  for (const layer of layers) {
    const other = layer.with === undefined ? undefined : take(layer.with);
    results.set(layer.name, layer.run(pass, take(layer.from), other));
  }
  const last = results.get(layers.at(-1)!.name)!;
  for (const [name, result] of results) {
    if (uses.has(name) || result === last) continue;
    result.codes.dispose(); // of a layer that leads nowhere
    result.scale.dispose();
  }
  return last.codes.mul(last.scale);
}

/** First parameters: random weights, drawn layer by layer, and batch norms that do nothing. */
export function firstParameters(
  { parameters }: Network,
  bound: (fans: Parameter["fans"]) => number,
  random: Random,
): Tensors {
  return Object.fromEntries(
    [...parameters].map(([name, { dims, first, fans }]) => {
      const value = () => (first === "weights" ? (2 * random() - 1) * bound(fans) : first);
      const data = Float32Array.from({ length: elements(dims) }, value);
      return [name, np.array(data, { shape: [...dims] })];
    }),
  );
}
