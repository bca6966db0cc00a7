import type { Graph, GraphInput, Node } from "../../host/graph/graph.ts";
import type { Weights } from "../../host/graph/ops/weights.ts";
import { type PaddedWindow, tapsInside, windowSize } from "../../host/graph/ops/window.ts";
import type { IntQuantizer, Quantizer } from "../../host/numbers/quantizer.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import type { Rounding } from "../../host/numbers/round.ts";
import type { Step } from "../../host/numbers/step.ts";
import { elementCount, type Picture } from "../../host/shape.ts";

/** Random choices from a seed. */
export class Random {
  /** In [0, 1). */
  readonly unit: () => number;

  constructor(seed: number) {
    this.unit = mulberry32(seed);
  }

  /** Integer from min to max. */
  int(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.int(0, choices.length - 1)]!;
  }

  chance(p: number): boolean {
    return this.unit() < p;
  }

  /** A positive scale: a power of two, which makes ties, or anything. */
  scale(): number {
    return this.chance(0.5) ? 2 ** this.int(-6, 2) : 0.01 + this.unit();
  }
}

const ROUNDINGS: Rounding[] = ["ROUND", "ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"];
const WEIGHT_RANGES: [number, number][] = [
  [-1, 1],
  [-2, 1],
  [-4, 3],
  [-8, 7],
  [-128, 127],
];

/** Any window that fits a picture, padded by less than its kernel spans. */
export function randomWindow({ height, width }: Picture, random: Random): PaddedWindow {
  const direction = (size: number) => {
    const [kernel, stride] = [random.int(1, 3), random.int(1, 2)];
    const dilation = random.chance(0.2) ? 2 : 1;
    const span = (kernel - 1) * dilation;
    const before = random.int(0, span);
    const after = Math.max(random.int(0, span), span + 1 - size - before);
    return { kernel, stride, dilation, before, after };
  };
  const [y, x] = [direction(height), direction(width)];
  return {
    ...{ kernelHeight: y.kernel, strideY: y.stride, dilationY: y.dilation, padTop: y.before, padBottom: y.after },
    ...{ kernelWidth: x.kernel, strideX: x.stride, dilationX: x.dilation, padLeft: x.before, padRight: x.after },
  };
}

/** A window of one tap, one position further each time. */
const ONE_TAP: PaddedWindow = {
  ...{ kernelHeight: 1, strideY: 1, dilationY: 1, padTop: 0, padBottom: 0 },
  ...{ kernelWidth: 1, strideX: 1, dilationX: 1, padLeft: 0, padRight: 0 },
};

/**
 * A small network with everything that a graph may hold: per-channel constants, zero points, negative scales, branches; in about two of five, convolutions
 * and pools before the dense layers.
 */
export function randomGraph(seed: number): Graph {
  const random = new Random(seed);
  const pictured = new Random(seed ^ 0x5bd1e995);
  const nodes: Node[] = [];
  const vector = (channels: number, value: () => number) =>
    Float64Array.from({ length: random.chance(0.5) ? 1 : channels }, value);
  const add = (node: { op: Node["op"] } & Partial<Node>, input: string | string[], channels: number): string => {
    const output = `${node.op}${nodes.length}`;
    nodes.push({ name: `node ${nodes.length}`, inputs: [input].flat(), output, channels, ...node } as Node);
    return output;
  };

  const step = (channels: number): Step => {
    const real = () => (random.chance(0.1) ? 0 : (random.unit() - 0.4) * 4);
    const factor = () => random.scale() * (random.chance(0.25) ? -1 : 1);
    switch (random.int(0, 6)) {
      case 0:
        return { kind: "relu" };
      case 1:
        return { kind: random.pick(["add", "sub", "rsub"]), by: vector(channels, real) };
      case 2:
        return { kind: random.pick(["mul", "div"]), by: vector(channels, factor) };
      case 3:
        return { kind: random.pick(["min", "max"]), by: vector(channels, real) };
      case 4:
        return { kind: "pow", by: Float64Array.of(random.pick([1, 2, 3])) };
      default:
        return {
          kind: "batchnorm",
          mean: vector(channels, real),
          variance: vector(channels, () => random.unit() * 3),
          epsilon: 1e-5,
          gamma: vector(channels, () => (random.chance(0.1) ? 0 : factor())),
          beta: vector(channels, real),
        };
    }
  };

  const steps = (value: string, channels: number): string => {
    for (let n = random.int(0, 3); n > 0; n--) value = add({ op: "step", step: step(channels) }, value, channels);
    return value;
  };

  const quantizer = (channels: number, scalar: boolean): Quantizer => {
    const signed = () => random.scale() * (random.chance(0.1) ? -1 : 1);
    const scale = scalar ? Float64Array.of(signed()) : vector(channels, signed);
    if (random.chance(0.3)) return { kind: "bipolar", scale };
    const bits = random.int(1, 8);
    const zero = random.chance(0.3) ? vector(channels, () => random.int(-3, 40)) : Float64Array.of(0);
    const int: IntQuantizer = {
      kind: "int",
      scale,
      zero,
      bits,
      signed: random.chance(0.5),
      narrow: random.chance(0.3),
      rounding: random.pick(ROUNDINGS),
    };
    return int;
  };

  /** Codes of one scale, as a dense node reads them. */
  const quantize = (value: string, channels: number): string => {
    if (random.chance(0.15)) value = add({ op: "quantize", quantizer: quantizer(channels, false) }, value, channels);
    let codes = add({ op: "quantize", quantizer: quantizer(channels, true) }, value, channels);
    if (random.chance(0.2)) codes = add({ op: "step", step: { kind: "relu" } }, codes, channels);
    if (random.chance(0.2)) {
      const by = Float64Array.of(random.pick([0.5, -1, 3]));
      codes = add({ op: "step", step: { kind: random.pick(["mul", "div"]), by } }, codes, channels);
    }
    return codes;
  };

  /**
   * The sum of a value and a convolution of it that keeps its shape, in codes of one scale or of two whose sums have no ties that floats break; then codes
   * of it, as a layer reads them.
   */
  const residual = (value: string, { channels }: Picture): string => {
    const { scale, ...rest } = quantizer(channels, true);
    const second = random.chance(0.5) ? Float64Array.of(Math.fround(random.scale() * (1 + random.unit()))) : scale;
    const both = (): Quantizer => ({ ...quantizer(channels, true), scale: second }) as Quantizer;
    const window = {
      ...{ kernelHeight: 1, strideY: 1, dilationY: 1, padTop: 0, padBottom: 0 },
      ...{ kernelWidth: 3, strideX: 1, dilationX: 1, padLeft: 1, padRight: 1 },
    };
    const sums = add({ op: "conv2d", window, groups: 1, weights: weights(3 * channels, channels) }, value, channels);
    const a = add({ op: "quantize", quantizer: { ...rest, scale } as Quantizer }, steps(sums, channels), channels);
    const b = add({ op: "quantize", quantizer: both() }, value, channels);
    return quantize(steps(add({ op: "add" }, [a, b], channels), channels), channels);
  };

  /** The sum of a value's codes and of a convolution that keeps its shape, whose sums are not quantized before; then codes of it, as a layer reads them. */
  const mixed = (value: string, { channels }: Picture): string => {
    const generic = () => Math.fround(random.scale() * (1 + random.unit()));
    const affine = (value: string, bounds: boolean): string => {
      for (let n = random.int(0, 2); n > 0; n--) {
        const drawn = step(channels);
        const isBent = drawn.kind === "pow" || (!bounds && ["relu", "min", "max"].includes(drawn.kind));
        if (!isBent) value = add({ op: "step", step: drawn }, value, channels);
      }
      return value;
    };
    const window = { ...ONE_TAP, kernelHeight: 3, padTop: 1, padBottom: 1 };
    const sums = add({ op: "conv2d", window, groups: 1, weights: weights(3 * channels, channels) }, value, channels);
    const own = { ...quantizer(channels, true), scale: vector(channels, generic) } as Quantizer;
    const codes = affine(add({ op: "quantize", quantizer: own }, value, channels), false);
    const both = [affine(sums, false), codes];
    const sum = affine(add({ op: "add" }, random.chance(0.5) ? both : both.reverse(), channels), true);
    const to = quantizer(channels, true);
    if (to.kind === "int") {
      // of ties, which a power of two makes, a plane rounds all half to even
      to.rounding = random.pick(["ROUND", "CEIL", "FLOOR", "HALF_UP"]);
      if (to.rounding === "HALF_UP" || to.zero.some((zero) => zero !== 0)) to.scale = Float64Array.of(generic());
    }
    return add({ op: "quantize", quantizer: to }, sum, channels);
  };

  /** A value and a convolution of it that keeps its positions, in codes of one scale or of two, joined; then codes of them, as a layer reads them. */
  const joined = (value: string, { channels }: Picture): [codes: string, channels: number] => {
    const window = {
      ...{ kernelHeight: 3, strideY: 1, dilationY: 1, padTop: 1, padBottom: 1 },
      ...{ kernelWidth: 1, strideX: 1, dilationX: 1, padLeft: 0, padRight: 0 },
    };
    const others = pictured.int(1, 3);
    const sums = add({ op: "conv2d", window, groups: 1, weights: weights(3 * channels, others) }, value, others);
    const { scale, ...rest } = quantizer(1, true);
    const isOne = pictured.chance(0.5);
    const other = isOne ? scale : Float64Array.of(random.scale());
    const a = add({ op: "quantize", quantizer: { ...rest, scale } as Quantizer }, value, channels);
    const b = add({ op: "quantize", quantizer: { ...rest, scale: other } as Quantizer }, steps(sums, others), others);
    const inputs = pictured.chance(0.5) ? [a, b] : [b, a];
    const both = channels + others;
    const join = add({ op: "concat", first: inputs[0] === a ? channels : others }, inputs, both);
    return [isOne && pictured.chance(0.5) ? join : quantize(steps(join, both), both), both];
  };

  /** The greater of two values, in codes of one quantizer. */
  const greatest = (a: string, b: string, channels: number): string => {
    const { scale, ...rest } = quantizer(channels, true);
    const both = { ...rest, scale: scale.map(Math.abs) } as Quantizer;
    const [x, y] = [a, b].map((value) => add({ op: "quantize", quantizer: both }, value, channels)) as [string, string];
    return add({ op: "maximum" }, [x, y], channels);
  };

  const weights = (inputs: number, outputs: number): Weights => {
    const [min, max] = random.pick(WEIGHT_RANGES);
    const binary = random.chance(0.3);
    return {
      name: `weights${nodes.length}`,
      outputs,
      inputs,
      codes: Int32Array.from({ length: outputs * inputs }, () =>
        binary ? random.pick([-1, 1]) : random.int(min, max),
      ),
      scale: vector(outputs, () => random.scale() * (random.chance(0.2) ? -1 : 1)),
      found: "latent",
    };
  };

  const dense = (codes: string, inputs: number, outputs: number): string =>
    add({ op: "dense", weights: weights(inputs, outputs) }, codes, outputs);

  /** A convolution of any window that fits, and the shape of its output. */
  const convolve = (codes: string, input: Picture): [sums: string, output: Picture] => {
    const window = randomWindow(input, pictured);
    const groups = pictured.chance(0.3) ? input.channels : 1;
    const outputs = groups * pictured.int(1, groups > 1 ? 2 : 5);
    const inputs = (window.kernelHeight * window.kernelWidth * input.channels) / groups;
    const sums = add({ op: "conv2d", window, groups, weights: weights(inputs, outputs) }, codes, outputs);
    return [sums, { ...windowSize(window, input), channels: outputs }];
  };

  /** A pool of any window that fits: the maximum of codes whose scale is above 0, or the mean of codes. */
  const poolCodes = (value: string, input: Picture): [codes: string, output: Picture] => {
    const { channels } = input;
    const isWhole = pictured.chance(0.2);
    const drawn = randomWindow(input, pictured);
    const none = { padTop: 0, padLeft: 0, padBottom: 0, padRight: 0, dilationY: 1, dilationX: 1 };
    const { height: kernelHeight, width: kernelWidth } = input;
    const whole = { ...drawn, ...none, kernelHeight, kernelWidth };
    if (pictured.chance(0.5)) {
      const { scale, ...rest } = quantizer(channels, true);
      const rising = { ...rest, scale: scale.map(Math.abs) } as Quantizer;
      const codes = add({ op: "quantize", quantizer: rising }, value, channels);
      const { rows, columns } = tapsInside(drawn, input);
      const window = isWhole || rows.includes(0) || columns.includes(0) ? whole : drawn;
      return [add({ op: "maxpool", window }, codes, channels), { ...windowSize(window, input), channels }];
    }
    const codes = quantize(value, channels);
    const small = {
      ...{ ...drawn, ...none, kernelHeight: Math.min(drawn.kernelHeight, kernelHeight) },
      kernelWidth: Math.min(drawn.kernelWidth, kernelWidth),
    };
    const window = isWhole ? whole : small;
    const mean = add({ op: "avgpool", window, countsPadding: pictured.chance(0.5) }, codes, channels);
    const output = { ...windowSize(window, input), channels };
    return [quantize(steps(mean, channels), channels), output];
  };

  const inputChannels = random.int(1, 6);
  const shape = random.chance(0.5) ? [1, 1, inputChannels] : [inputChannels];
  const outputs: string[] = [];
  let channels = inputChannels;
  let codes = quantize(steps("x", channels), channels);
  const input: GraphInput = { name: "x", shape };
  if (pictured.chance(0.4)) {
    let picture: Picture = { height: pictured.int(1, 6), width: pictured.int(1, 6), channels };
    input.layout = pictured.pick(["chw", "hwc"]);
    const { height, width } = picture;
    input.shape = input.layout === "chw" ? [channels, height, width] : [height, width, channels];
    for (let layers = pictured.int(1, 3); layers > 0; layers--) {
      const [sums, output] = convolve(codes, picture);
      const value = steps(sums, output.channels);
      [codes, picture] = pictured.chance(0.4) ? poolCodes(value, output) : [quantize(value, output.channels), output];
      if (pictured.chance(0.3)) codes = residual(codes, picture);
      if (pictured.chance(0.25)) codes = mixed(codes, picture);
      if (pictured.chance(0.15)) {
        const [factorY, factorX] = [pictured.int(1, 2), pictured.int(1, 3)];
        const { height, width } = picture;
        codes = add({ op: "upsample", factorY, factorX }, codes, picture.channels);
        picture = { ...picture, height: factorY * height, width: factorX * width };
      }
      if (pictured.chance(0.3)) {
        const [join, channels] = joined(codes, picture);
        [codes, picture] = [join, { ...picture, channels }];
      }
    }
    channels = elementCount(picture);
  }
  for (let layers = random.int(1, 3); layers > 0; layers--) {
    const width = random.int(1, 5);
    const sums = dense(codes, channels, width);
    if (random.chance(0.2)) outputs.push(steps(dense(codes, channels, 3), 3));
    if (random.chance(0.2)) outputs.push(steps(quantize(steps(sums, width), width), width));
    const other = random.chance(0.25) ? dense(codes, channels, width) : undefined;
    codes = other ? greatest(steps(sums, width), steps(other, width), width) : quantize(steps(sums, width), width);
    channels = width;
  }
  const last = random.int(1, 4);
  const end = steps(dense(codes, channels, last), last);
  switch (random.int(0, 4)) {
    case 0:
      outputs.push(add({ op: "softmax" }, end, last));
      break;
    case 1:
      outputs.push(add({ op: "quantize", quantizer: quantizer(last, false) }, end, last));
      break;
    case 2:
      outputs.push(add({ op: "argmax" }, end, 1));
      break;
    default:
      outputs.push(end);
  }
  return { name: `random ${seed}`, inputs: [input], nodes, outputs };
}
