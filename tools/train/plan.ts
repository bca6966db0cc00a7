import { numpy as np } from "@jax-js/jax";
import { InputError } from "../../host/base/errors.ts";
import { shown } from "../../host/base/printable.ts";
import {
  type Factor,
  isOfSequences,
  type Layer,
  type LayerOp,
  type SequenceOp,
} from "../../host/checkpoint/arch/layers.ts";
import { type WholeQuantizer, wholeQuantizer } from "../../host/checkpoint/arch/quantize.ts";
import { type Place, pairOf, pictureOf, sizeOf, windowOf } from "../../host/checkpoint/arch/window.ts";
import { elements } from "../../host/checkpoint/tensor.ts";
import type { PaddedWindow } from "../../host/graph/ops/window.ts";
import { type Quantizer, uniformQuantizer } from "../../host/numbers/quantizer.ts";
import type { Affine } from "./layers/batch_norm.ts";
import { conv2d, depthwise } from "./layers/conv2d.ts";
import { dense } from "./layers/dense.ts";
import { avgpool, globalAvgpool, globalMaxpool, maxpool } from "./layers/pool.ts";
import { quantizeActivations } from "./layers/quantize.ts";
import { type Quantized, real } from "./layers/quantized.ts";
import { shortcut } from "./layers/shortcut.ts";
import type { Fans } from "./optimizers/glorot.ts";

// What a trainer makes of each layer of a network described by hand (docs/arch.md). Shapes are [features] or [channels, height, width], as the
// description has them; arrays of pictures are (N, height, width, channels).

/** A tensor that is learned, and what it holds at first: random weights, or one number. */
export interface Parameter {
  dims: readonly number[];
  first: "weights" | 0 | 1;
  /** Of weights. */
  fans: Fans;
}

/** What layers find as a batch of samples passes through them. Whether that is training or not is the pass's concern. */
export interface Pass {
  /** A parameter: every one has one layer that asks for it, once. */
  parameter(name: string): np.Array;
  /** Codes of the latent weights of that name. */
  weights(name: string, quantizer: WholeQuantizer | undefined): Quantized;
  /** What goes into a layer with weights. */
  intoWeights(x: Quantized): Quantized;
  normalise(x: np.Array, layer: string, affine: Affine, epsilon: number): np.Array;
  sign(x: np.Array): np.Array;
}

/** A layer, ready to run: on the result of the layer before it or of another, and of `with` where it takes two. */
export interface PlannedLayer {
  name: string;
  from: string;
  with: string | undefined;
  shape: readonly number[];
  run(pass: Pass, x: Quantized, other: Quantized | undefined): Quantized;
}

/** What layers are planned with. */
export interface Planner {
  /** What the description's pictures are flattened in, if not said. */
  order: "chw" | "hwc";
  /** Declares a parameter; `path` is what errors call its place. */
  parameter(name: string, parameter: Parameter, path: string): void;
  /** Declares the running averages of a batch norm of so many channels. */
  norm(layer: Layer<"batch_norm">, channels: number, path: string): void;
  shapeOf(name: string, path: string): readonly number[];
}

type Planned = Pick<PlannedLayer, "shape" | "run"> & { with?: string };

/** `path`: what errors call the layer's text. */
type Plan<Op extends LayerOp> = (to: Planner, layer: Layer<Op>, place: Place & { path: string }) => Planned;

export function planLayer(to: Planner, layer: Layer, place: Place & { path: string }): Planned {
  if (isOfSequences(layer.op)) {
    throw new InputError(`${place.path}: found ${layer.op}, which PyTorch trains: examples/torch`);
  }
  return (PLANS[layer.op] as Plan<LayerOp>)(to, layer, place);
}

const PLANS: { [Op in Exclude<LayerOp, SequenceOp>]: Plan<Op> } = {
  dense(to, layer, { input, path, where }) {
    const [inputs] = vectorOf(input.shape, where, "flatten before it");
    only(path, "layout", layer.layout, "OI");
    only(path, "packed", layer.packed, undefined);
    only(path, "activations", layer.activations, undefined);
    const outputs = sizeSaid(layer.outputs, `${path}.outputs`);
    return { shape: [outputs], run: weighted(to, layer, path, [outputs, inputs], dense) };
  },

  conv2d(to, layer, { input, path, where }) {
    const place = { input, where };
    const [channels] = pictureOf(place);
    only(path, "groups", layer.groups, 1);
    const { kernel, window, size, outputs } = planConvolution(layer, place, path);
    const dims = [outputs, channels, ...kernel];
    return {
      shape: [outputs, ...size],
      run: weighted(to, layer, path, dims, (x, weights) => conv2d(x, weights, window, size)),
    };
  },

  depthwise(to, layer, { input, path, where }) {
    const place = { input, where };
    const [channels] = pictureOf(place);
    const { kernel, window, size, outputs } = planConvolution(
      { ...layer, outputs: layer.outputs ?? channels },
      place,
      path,
    );
    only(path, "outputs", outputs, channels);
    return {
      shape: [channels, ...size],
      run: weighted(to, layer, path, [channels, 1, ...kernel], (x, weights) => depthwise(x, weights, window, size)),
    };
  },

  batch_norm(to, layer, { input: { shape }, path }) {
    const [channels] = shape as [number];
    const { name, tensors } = layer;
    if (tensors?.inverse_deviation !== undefined) {
      throw new InputError(
        `${path}.tensors: found inverse_deviation, expected mean and variance where a network is trained`,
      );
    }
    const declare = (what: "weight" | "bias", first: 0 | 1) => {
      const tensor = tensors?.[what] ?? `${name}.${what}`;
      if (tensor === false) return undefined;
      to.parameter(tensor, { dims: [channels], first, fans: NO_FANS }, path);
      return tensor;
    };
    const [weight, bias] = [declare("weight", 1), declare("bias", 0)];
    to.norm(layer, channels, path);
    return {
      shape,
      run: (pass, x) => {
        const affine = {
          weight: weight === undefined ? undefined : pass.parameter(weight),
          bias: bias === undefined ? undefined : pass.parameter(bias),
        };
        return unscaled(pass.normalise(real(x), name, affine, layer.epsilon ?? EPSILON));
      },
    };
  },

  bias(to, { name, tensors }, { input: { shape }, path }) {
    const bias = tensors?.bias ?? `${name}.bias`;
    to.parameter(bias, { dims: [shape[0]!], first: 0, fans: NO_FANS }, path);
    return { shape, run: (pass, x) => unscaled(real(x).add(pass.parameter(bias))) };
  },

  relu: (_, _layer, { input: { shape } }) => ({
    shape,
    run: (_, { codes, scale }) => ({ codes: np.maximum(codes, 0), scale }),
  }),

  sign(_, layer, { input: { shape }, path }) {
    const scale = numberIn(layer.scale ?? 1, `${path}.scale`);
    return { shape, run: (pass, x) => ({ codes: pass.sign(real(x)), scale: np.array(scale) }) };
  },

  quantize(_, layer, { input: { shape }, path }) {
    const quantizer = quantizerOf(layer, path);
    if (quantizer.kind === "int") return { shape, run: (_, x) => quantizeActivations(real(x), quantizer) };
    return { shape, run: (pass, x) => ({ codes: pass.sign(real(x)), scale: np.array(quantizer.scale[0]!) }) };
  },

  maxpool(_, layer, { input, path, where }) {
    const pool = planPool(layer, { input, where });
    if (pool === "global") return { shape: [input.shape[0]!, 1, 1], run: (_, x) => globalMaxpool(x) };
    const { window, size } = pool;
    if (isPadded(window)) throw new InputError(`${path}.padding: found some, expected none where a network is trained`);
    return { shape: [input.shape[0]!, ...size], run: (_, x) => maxpool(x, window, size) };
  },

  avgpool(_, layer, { input, path, where }) {
    const pool = planPool(layer, { input, where });
    if (pool === "global") return { shape: [input.shape[0]!, 1, 1], run: (_, x) => globalAvgpool(x) };
    const { window, size } = pool;
    if (isPadded(window)) only(path, "counts_padding", layer.counts_padding, true);
    return { shape: [input.shape[0]!, ...size], run: (_, x) => avgpool(x, window, size) };
  },

  flatten(to, layer, { input: { shape } }) {
    const size = elements(shape);
    const isPlanar = (layer.order ?? to.order) === "chw" && shape.length === 3;
    return {
      shape: [size],
      run: (_, { codes, scale }) => ({
        codes: (isPlanar ? codes.transpose([0, 3, 1, 2]) : codes).reshape([-1, size]),
        scale,
      }),
    };
  },

  shortcut(_, layer, { input, path, where }) {
    const place = { input, where };
    const [channels] = pictureOf(place);
    const zeros = (layer.channels - channels) / 2;
    if (!Number.isInteger(zeros) || zeros < 0) {
      throw new InputError(
        `${path}.channels: found ${layer.channels}, expected those of its input, ${channels}, and an even number more`,
      );
    }
    const window = windowOf(place, [1, 1], { stride: layer.stride });
    const size = sizeOf(place, window);
    return { shape: [layer.channels, ...size], run: (_, x) => shortcut(x, window, size, zeros) };
  },

  add(to, layer, { input: { shape }, path, where }) {
    const other = to.shapeOf(layer.with, `${path}.with`);
    if (`${other}` !== `${shape}`) {
      const shapes = `[${shape.join(", ")}] and "${shown(layer.with)}" [${other.join(", ")}]`;
      throw new InputError(`${where}: found shapes ${shapes}, expected equal ones`);
    }
    return { shape, with: layer.with, run: (_, x, y) => unscaled(real(x).add(real(y!))) };
  },

  argmax(_, _layer, { path }) {
    throw new InputError(
      `${path}: found argmax, expected scores at the end where a network is trained; \`convert --argmax\` adds it`,
    );
  },
};

/** Names of a batch norm's tensors, as docs/arch.md has them. */
export function normTensors({ name, tensors }: Layer<"batch_norm">) {
  return {
    weight: tensors?.weight ?? `${name}.weight`,
    mean: tensors?.mean ?? `${name}.running_mean`,
    variance: tensors?.variance ?? `${name}.running_var`,
  };
}

/** Of a batch norm that says none. */
export const EPSILON = 1e-5;

const NO_FANS: Fans = { inputs: 1, outputs: 1 };

function unscaled(values: np.Array): Quantized {
  return { codes: values, scale: np.array(1) };
}

type Weighted = Layer<"dense" | "conv2d" | "depthwise">;

/** Declares the parameters of a layer with weights of `dims`, and says how it runs. */
function weighted(
  to: Planner,
  { name, tensors, weights: given }: Weighted,
  path: string,
  dims: readonly number[],
  product: (x: Quantized, weights: Quantized) => np.Array,
): PlannedLayer["run"] {
  const quantizer = given === undefined ? undefined : wholeQuantizer(given, `${path}.weights`);
  if (quantizer?.as === "codes" || typeof quantizer?.scale === "object") {
    throw new InputError(`${path}.weights: found ${JSON.stringify(given)}, expected a quantizer of latent weights`);
  }
  const [weight, bias] = [tensors?.weight ?? `${name}.weight`, tensors?.bias];
  const [outputs, inputs, ...kernel] = dims as [number, number, ...number[]];
  const fans = { inputs: inputs * elements(kernel), outputs: outputs * elements(kernel) };
  to.parameter(weight, { dims, first: "weights", fans }, path);
  if (typeof bias === "string") to.parameter(bias, { dims: [outputs], first: 0, fans: NO_FANS }, path);
  return (pass, x) => {
    const sums = product(pass.intoWeights(x), pass.weights(weight, quantizer));
    return unscaled(typeof bias === "string" ? sums.add(pass.parameter(bias)) : sums);
  };
}

function planConvolution(layer: Layer<"conv2d" | "depthwise">, place: Place, path: string) {
  only(path, "layout", layer.layout, "OIHW");
  only(path, "flipped", layer.flipped, false);
  const outputs = sizeSaid(layer.outputs, `${path}.outputs`);
  const kernel = pairOf(sizeSaid(layer.kernel, `${path}.kernel`));
  const window = windowOf(place, kernel, layer);
  return { outputs, kernel, window, size: sizeOf(place, window) };
}

function planPool(
  layer: Layer<"maxpool" | "avgpool">,
  place: Place,
): "global" | { window: PaddedWindow; size: number[] } {
  pictureOf(place);
  if (layer.kernel === "global") return "global";
  const kernel = pairOf(layer.kernel);
  const window = windowOf(place, kernel, { ...layer, stride: layer.stride ?? kernel });
  return { window, size: sizeOf(place, window) };
}

function isPadded({ padTop, padLeft, padBottom, padRight }: PaddedWindow): boolean {
  return padTop + padLeft + padBottom + padRight > 0;
}

/** The quantizer of activations, or of the input. Throws InputError for what a trainer does not learn. */
export function quantizerOf(
  { bits, signed, scale, zero, narrow }: Pick<Layer<"quantize">, "bits" | "signed" | "scale" | "zero" | "narrow">,
  path: string,
): Quantizer {
  const quantizer = uniformQuantizer({
    scale: Float64Array.of(numberIn(scale, `${path}.scale`)),
    zero: Float64Array.of(zero ?? 0),
    ...{ bits, signed, narrow: narrow ?? false, rounding: "ROUND" },
  });
  if (quantizer === undefined) throw new InputError(`${path}.zero: found ${zero} of one signed bit, expected 0`);
  return quantizer;
}

function numberIn(factor: Factor, path: string): number {
  if (typeof factor === "number") return factor;
  throw new InputError(`${path}: found a tensor, expected a number where a network is trained`);
}

/** What trainers have to be told, since there are no weights yet. */
function sizeSaid<T>(size: T | undefined, path: string): T {
  if (size !== undefined) return size;
  throw new InputError(`${path}: found nothing, expected a size: a network to be trained has no weights that tell it`);
}

/** Refuses a field that is not what trainers write. */
function only<T>(path: string, field: string, found: T | undefined, expected: T): void {
  if (found === undefined || found === expected) return;
  const [is, should] = [found, expected].map((value) => JSON.stringify(value) ?? "none");
  throw new InputError(`${path}.${field}: found ${is}, expected ${should} where a network is trained`);
}

function vectorOf(shape: readonly number[], where: string, advice: string): [number] {
  if (shape.length === 1) return shape as [number];
  throw new InputError(`${where}: its input is a picture [${shape.join(", ")}], expected a vector: a layer ${advice}`);
}
