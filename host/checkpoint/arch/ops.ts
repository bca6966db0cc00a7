import { CheckpointError, InputError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";
import type { PaddedWindow } from "../../graph/ops/window.ts";
import { elements, transpose } from "../tensor.ts";
import { type Builder, type Result, type Step, unfit, type Weighted } from "./builder.ts";
import type { Arch, Layer, LayerOp } from "./layers.ts";
import { codesOf, SEQUENCE_NODES } from "./sequence.ts";
import { attributesOf, pairOf, pictureOf, sizeOf, windowOf } from "./window.ts";

/** Adds the nodes of a layer, and gives its result. */
export function addLayer(to: Builder, step: Step, layer: AnyLayer): Result {
  const add = NODES[layer.op] as Add<LayerOp>;
  return add(to, step, layer);
}

/** A layer with weights may have a quantizer of its own. */
type AnyLayer<Op extends LayerOp = LayerOp> = Op extends "dense" | "conv2d" | "depthwise" ? Weighted<Op> : Layer<Op>;

type Add<Op extends LayerOp> = (to: Builder, step: Step, layer: AnyLayer<Op>) => Result;

const NO_TENSORS: NonNullable<Layer<"batch_norm">["tensors"]> = {
  weight: undefined,
  bias: undefined,
  mean: undefined,
  variance: undefined,
  inverse_deviation: undefined,
};

/** What each layer becomes. */
const NODES: { [Op in LayerOp]: Add<Op> } = {
  dense(to, step, layer) {
    const { input, emit } = step;
    const features = input.shape.at(-1)!;
    if (input.shape.length === 3)
      throw new InputError(
        `${step.where}: its input is a picture [${input.shape.join(", ")}], expected a vector: a layer flatten before it, or tokens`,
      );
    const name = layer.tensors?.weight ?? `${layer.name}.weight`;
    const stored = to.tensor(name, step, "weight").dims;
    const isTurned = layer.layout === "IO";
    if (layer.packed && (isTurned || !isCodes(layer.weights))) {
      throw new InputError(`${step.path}.packed: found it of other weights, expected "codes" in the layout "OI"`);
    }
    const dims = layer.packed ? [4 * (stored[0] ?? 0), ...stored.slice(1)] : stored;
    const [outputs, inputs] = isTurned ? [dims[1], dims[0]] : [dims[0], dims[1]];
    const isOfSize = dims.length === 2 && inputs === features && outputs === (layer.outputs ?? outputs);
    if (!isOfSize || !outputs || !inputs) {
      const isOther = dims.length === 2 && (isTurned ? dims[1] : dims[0]) === features;
      const rows = layer.outputs ?? "outputs";
      const expected = isTurned ? `[${features}, ${rows}]` : `[${rows}, ${features}]`;
      throw unfit(
        step,
        "weight",
        name,
        dims,
        `${expected}${isOther ? `; or "layout": "${isTurned ? "OI" : "IO"}"` : ""}`,
      );
    }
    const weights = to.weights(step, layer, {
      name,
      dims: [outputs, inputs!],
      key: layer.packed ?? (isTurned ? "IO" : "OI"),
      arrange(data) {
        if (layer.packed) return rowsOfFour(data, `${step.where}: its weight "${shown(name)}"`);
        return isTurned ? transpose({ dims: [...dims], data }, [1, 0]).data : data;
      },
    });
    const bias = biasOf(to, step, layer, outputs);
    const x = layer.activations === undefined ? input.value : codesOf(to, step, layer.activations);
    if (input.shape.length === 1) return emit("Gemm", [x, weights, ...bias], [outputs], { transB: 1n });
    const turned = emit("Transpose", [weights], [], { perm: [1n, 0n] }, "more");
    const shape = [input.shape[0]!, outputs];
    const product = emit("MatMul", [x, turned.value], shape, {}, bias.length > 0 ? "more" : undefined);
    return bias.length > 0 ? emit("Add", [product.value, ...bias], shape) : product;
  },

  conv2d(to, step, layer) {
    const channels = pictureOf(step)[0];
    const groups = layer.groups ?? 1;
    if (channels % groups !== 0)
      throw new InputError(`${step.path}.groups: found ${groups}, expected a divisor of ${channels} channels`);
    return convolve(to, step, layer, groups, (dims, isTurned) => {
      const [outputs, inputs, height, width] = isTurned ? [dims[3], dims[2], dims[0], dims[1]] : dims;
      const fits = inputs === channels / groups && outputs! % groups === 0;
      const expected = isTurned
        ? `[height, width, ${channels / groups}, outputs]`
        : `[outputs, ${channels / groups}, height, width]`;
      return fits
        ? { outputs: outputs!, height: height!, width: width!, order: [3, 2, 0, 1] }
        : `${expected}${groups > 1 ? ` of ${groups} groups` : ""}`;
    });
  },

  depthwise(to, step, layer) {
    const channels = pictureOf(step)[0];
    return convolve(to, step, layer, channels, (dims, isTurned) => {
      const [height, width] = isTurned ? [dims[0], dims[1]] : [dims[2], dims[3]];
      const outputs = isTurned ? dims[2]! * dims[3]! : dims[0]!;
      const fits = isTurned ? dims[2] === channels : dims[1] === 1 && outputs % channels === 0;
      const expected = isTurned
        ? `[height, width, ${channels}, outputs of each]`
        : `[a multiple of ${channels}, 1, height, width]`;
      return fits ? { outputs, height: height!, width: width!, order: [2, 3, 0, 1] } : expected;
    });
  },

  batch_norm(to, step, layer) {
    const { input, emit, path } = step;
    const { mean, variance, inverse_deviation: inverse, ...affine } = layer.tensors ?? NO_TENSORS;
    const [channels, rank] = [input.shape[0]!, input.shape.length - 1];
    const perChannel = (what: string, name: string, before: number) =>
      to.perChannel(name, step, what, channels, before);
    const given = (what: "weight" | "bias", before: number) => {
      const name = to.tensorName(affine[what], `${layer.name}.${what}`);
      return name === undefined ? undefined : perChannel(what, name, before);
    };
    const means = mean ?? `${layer.name}.running_mean`;
    if (inverse !== undefined) {
      if (variance !== undefined || layer.epsilon !== undefined) {
        throw new InputError(
          `${path}: found inverse_deviation beside variance or epsilon, expected the one or the others`,
        );
      }
      const [weight, bias] = [given("weight", rank), given("bias", rank)];
      const steps = [
        ["Sub", perChannel("mean", means, rank)],
        ["Mul", perChannel("inverse_deviation", inverse, rank)],
      ];
      if (weight !== undefined) steps.push(["Mul", weight]);
      if (bias !== undefined) steps.push(["Add", bias]);
      return steps.reduce((x, [op, by], i) => {
        return emit(op!, [x.value, by!], input.shape, {}, i < steps.length - 1 ? "more" : undefined);
      }, input);
    }
    const parameters = [
      given("weight", 0) ?? to.filled(channels, 1),
      given("bias", 0) ?? to.filled(channels, 0),
      perChannel("mean", means, 0),
      perChannel("variance", variance ?? `${layer.name}.running_var`, 0),
    ];
    return emit("BatchNormalization", [input.value, ...parameters], input.shape, { epsilon: layer.epsilon ?? 1e-5 });
  },

  bias(to, step, layer) {
    const { input, emit } = step;
    const name = layer.tensors?.bias ?? `${layer.name}.bias`;
    const by = to.perChannel(name, step, "bias", input.shape[0]!, input.shape.length - 1);
    return emit("Add", [input.value, by], input.shape);
  },

  relu: (_, { input, emit }) => emit("Relu", [input.value], input.shape),

  sign(to, step, layer) {
    const { input, emit } = step;
    const scale = to.factor(layer.scale ?? 1, step, input.shape[0]!, input.shape.length - 1);
    return emit("BipolarQuant", [input.value, scale], input.shape);
  },

  quantize: (to, step, layer) => quantize(to, step, layer),

  maxpool(_, step, layer) {
    const { input, emit } = step;
    const pool = poolOf(step, layer);
    if (pool === "global") return emit("GlobalMaxPool", [input.value], [input.shape[0]!, 1, 1]);
    return emit("MaxPool", [input.value], pool.shape, attributesOf(pool.window));
  },

  avgpool(_, step, layer) {
    const { input, emit } = step;
    const pool = poolOf(step, layer);
    if (pool === "global") return emit("GlobalAveragePool", [input.value], [input.shape[0]!, 1, 1]);
    const isPadded = attributesOf(pool.window).pads.some((pad) => pad > 0n);
    if (isPadded && layer.counts_padding === undefined) {
      throw new InputError(
        `${step.path}.counts_padding: found nothing, expected true (as in PyTorch) or false (as in Keras), since there is padding`,
      );
    }
    const counts = { count_include_pad: layer.counts_padding ? 1n : 0n };
    return emit("AveragePool", [input.value], pool.shape, { ...attributesOf(pool.window), ...counts });
  },

  flatten(to, { input, emit }, layer) {
    const flat = [elements(input.shape)];
    const isTurned = (layer.order ?? to.order) === "hwc" && input.shape.length === 3;
    const [c, h, w] = input.shape as [number, number, number];
    const x = isTurned ? emit("Transpose", [input.value], [h, w, c], { perm: [0n, 2n, 3n, 1n] }, "more") : input;
    return emit("Flatten", [x.value], flat, { axis: 1n });
  },

  shortcut(to, step, layer) {
    const { input, emit, path } = step;
    const [channels, height, width] = pictureOf(step);
    const [strideY, strideX] = pairOf(layer.stride ?? 1);
    const zeros = (layer.channels - channels) / 2;
    if (!Number.isInteger(zeros) || zeros < 0) {
      throw new InputError(
        `${path}.channels: found ${layer.channels}, expected those of its input, ${channels}, and an even number more`,
      );
    }
    // every so many positions, as a pool of single ones keeps them
    const attributes = { kernel_shape: [1n, 1n], strides: [BigInt(strideY), BigInt(strideX)] };
    const size = [Math.ceil(height / strideY), Math.ceil(width / strideX)];
    const more = zeros > 0 ? "more" : undefined;
    const kept = emit("MaxPool", [input.value], [channels, ...size], attributes, more);
    if (zeros === 0) return kept;
    const pads = to.whole([0, zeros, 0, 0, 0, zeros, 0, 0]);
    return emit("Pad", [kept.value, pads], [layer.channels, ...size]);
  },

  add(to, step, layer) {
    const { input, emit } = step;
    const other = to.resultBeside(step, layer.with);
    return emit("Add", [input.value, other.value], input.shape);
  },

  argmax(_, { input, emit, where }) {
    if (input.shape.length !== 1)
      throw new InputError(`${where}: its input is [${input.shape.join(", ")}], expected a vector`);
    return emit("ArgMax", [input.value], [1], { axis: 1n, keepdims: 0n });
  },

  ...SEQUENCE_NODES,
};

function isCodes(weights: Weighted["weights"]): boolean {
  return weights === "codes" || (typeof weights === "object" && "as" in weights && weights.as === "codes");
}

/**
 * Ternary codes of bytes, (outputs / 4, inputs): bits 2i and 2i + 1 of row r are the code, and 1, of output r + i · outputs / 4 (`unpack_weights` of
 * transformers/integrations/bitnet.py).
 */
function rowsOfFour(bytes: Float64Array, where: string): Float64Array {
  const codes = new Float64Array(4 * bytes.length);
  for (const [at, byte] of bytes.entries()) {
    if (!(Number.isInteger(byte) && byte >= 0 && byte <= 255)) {
      throw new CheckpointError(`${where}: element ${at} is ${byte}, expected a byte`);
    }
    for (let i = 0; i < 4; i++) {
      const code = (byte >> (2 * i)) & 3;
      if (code === 3) throw new CheckpointError(`${where}: element ${at} has the bits 11, expected 00, 01 or 10`);
      codes[i * bytes.length + at] = code - 1;
    }
  }
  return codes;
}

/** A layer quantize, or the quantizer of the input: then with `more` behind it. */
export function quantize(
  to: Builder,
  step: Step,
  { bits, signed, scale, zero, narrow }: NonNullable<Arch["input"]["quantizer"]>,
  more?: "more",
): Result {
  const { input, emit } = step;
  const by = to.factor(scale, step, input.shape[0]!, input.shape.length - 1);
  const attributes = { signed: signed ? 1n : 0n, narrow: narrow ? 1n : 0n, rounding_mode: "ROUND" };
  return emit("Quant", [input.value, by, to.number(zero ?? 0), to.number(bits)], input.shape, attributes, more);
}

function biasOf(to: Builder, step: Step, layer: Weighted, outputs: number): string[] {
  const name = to.tensorName(layer.tensors?.bias, `${layer.name}.bias`);
  return name === undefined ? [] : [to.perChannel(name, step, "bias", outputs, 0)];
}

/** What weights of a convolution are, and the order of axes that makes OIHW of HWIO; or what was expected. */
type Kernel = { outputs: number; height: number; width: number; order: number[] } | string;

function convolve(
  to: Builder,
  step: Step,
  layer: Weighted<"conv2d" | "depthwise">,
  groups: number,
  kernelOf: (dims: readonly number[], isTurned: boolean) => Kernel,
): Result {
  const { input, emit } = step;
  const name = layer.tensors?.weight ?? `${layer.name}.weight`;
  const { dims } = to.tensor(name, step, "weight");
  const isTurned = layer.layout === "HWIO";
  const kernel = kernelOf(dims, isTurned);
  if (typeof kernel === "string" || dims.length !== 4 || elements(dims) === 0) {
    const other = isTurned ? "OIHW" : "HWIO";
    const fitsOther = dims.length === 4 && typeof kernelOf(dims, !isTurned) !== "string";
    const expected = typeof kernel === "string" ? kernel : "four axes, none of size 0";
    throw unfit(step, "weight", name, dims, `${expected}${fitsOther ? `; or "layout": "${other}"` : ""}`);
  }
  const { outputs, height, width, order } = kernel;
  const said = pairOf(layer.kernel ?? [height, width]);
  if (outputs !== (layer.outputs ?? outputs) || height !== said[0] || width !== said[1]) {
    throw unfit(step, "weight", name, dims, `${layer.outputs ?? outputs} outputs of ${said[0]} × ${said[1]}`);
  }
  const weights = to.weights(step, layer, {
    name,
    dims: [outputs, elements(dims) / (outputs * height * width), height, width],
    key: `${isTurned ? order : "OIHW"} ${layer.flipped ? "flipped" : ""}`,
    arrange(data) {
      const ordered = isTurned ? transpose({ dims: [...dims], data }, order).data : data;
      return layer.flipped ? turned(ordered, height * width) : ordered;
    },
  });
  const window = windowOf(step, [height, width], layer);
  const shape = [outputs, ...sizeOf(step, window)];
  const bias = biasOf(to, step, layer, outputs);
  return emit("Conv", [input.value, weights, ...bias], shape, { ...attributesOf(window), group: BigInt(groups) });
}

/** Every kernel of so many taps, its taps in the opposite order. */
function turned(data: Float64Array, taps: number): Float64Array {
  const result = data.slice();
  for (let i = 0; i < result.length; i += taps) result.subarray(i, i + taps).reverse();
  return result;
}

function poolOf(step: Step, layer: Layer<"maxpool" | "avgpool">): "global" | { window: PaddedWindow; shape: number[] } {
  const [channels] = pictureOf(step);
  if (layer.kernel === "global") {
    const field = (["stride", "padding"] as const).find((each) => layer[each] !== undefined);
    if (field) throw new InputError(`${step.path}.${field}: a global pool has none`);
    return "global";
  }
  const kernel = pairOf(layer.kernel);
  const window = windowOf(step, kernel, { ...layer, stride: layer.stride ?? kernel });
  return { window, shape: [channels, ...sizeOf(step, window)] };
}
