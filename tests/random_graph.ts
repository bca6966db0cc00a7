import {
  type AttributeValue,
  byteTensor,
  floatTensor,
  int64Tensor,
  model,
  node,
  valueInfo,
} from "../host/checkpoint/onnx/build.ts";
import { type Draft, encodeModel, type NodeProto, type TensorProto } from "../host/checkpoint/onnx/proto.ts";
import { mulberry32 } from "../host/numbers/random.ts";

/** One word of bits, one byte, and each side of those edges; the last is a layer of many tiles. */
const WIDTHS = [1, 2, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 70, 127, 129, 300];
const ROUNDINGS = ["ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "round", "Floor"];
const DOMAINS = ["onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general"];
const OPSETS = [9, 10, 11, 13, 17];
/** These have per-channel scales of DequantizeLinear. */
const PLAIN_OPSETS = [13, 17];

/** A low-bit dense network as other tools write them: the same op set, every option drawn from the seed. */
export function randomOnnx(seed: number): Uint8Array {
  return randomNetwork(seed, false);
}

/**
 * The same as those write it who have no quantizers of QONNX, or not for all: QuantizeLinear and Sign, weights on a grid or made
 * by plain ops, constants before layers.
 */
export function randomPlainOnnx(seed: number): Uint8Array {
  return randomNetwork(seed, true);
}

function randomNetwork(seed: number, plain: boolean): Uint8Array {
  const next = mulberry32(seed);
  const file = new Writer(next, plain);
  const layers = 1 + file.below(4);
  const inputs = file.pick(WIDTHS);
  const flat = file.input(inputs);
  let x = file.firstQuantizer(flat, inputs);
  let width = inputs;
  for (let layer = 0; layer < layers; layer++) {
    const outputs = file.pick(WIDTHS);
    x = file.dense(x, width, outputs);
    width = outputs;
    if (layer < layers - 1) x = file.activation(file.between(x, width), width);
  }
  const outputs = [file.ending(x, width)];
  if (file.chance(0.15)) outputs.push(file.ending(x, width));
  return file.finish(outputs, seed);
}

/** A convolutional network as other tools write one, of [N, C, H, W]: convolutions of every kind, with pools between them, then dense layers. */
export function randomPictureOnnx(seed: number): Uint8Array {
  const file = new Writer(mulberry32(seed ^ 0x2545f491), false);
  let shape: Shape = [file.pick([1, 2, 3, 4, 8, 33]), 1 + file.below(9), 1 + file.below(9)];
  let x = file.quantizeData(file.picture(shape));
  for (let layers = 1 + file.below(3); layers > 0; layers--) {
    [x, shape] = file.conv(x, shape);
    x = file.between(x, shape[0], 2);
    if (file.chance(0.3)) {
      [x, shape] = file.maxPool(x, shape);
      x = file.withoutNegativeScales(() => file.quantizeData(x));
    } else x = file.chance(0.1) ? file.multiThreshold(x, shape[0]) : file.quantizeData(x);
    if (file.chance(0.2)) x = file.quantizeData(file.residual(x, shape));
    if (file.chance(0.2)) x = file.mixed(x, shape);
    if (file.chance(0.15) && shape[1] * shape[2] < 100) [x, shape] = file.resize(x, shape);
    if (file.chance(0.25)) {
      [x, shape] = file.join(x, shape);
      x = file.quantizeData(file.between(x, shape[0], 2));
    }
    if (file.chance(0.25)) {
      [x, shape] = file.averagePool(x, shape);
      x = file.quantizeData(file.between(x, shape[0], 2));
    }
  }
  const width = shape.reduce((a, b) => a * b);
  const outputs = 1 + file.below(12);
  x = file.dense(file.flatten(x, width), width, outputs);
  return file.finish([file.ending(x, outputs)], seed);
}

/** Channels, height and width. */
type Shape = [channels: number, height: number, width: number];

interface QuantOptions {
  scale: string;
  zero: number;
  bits: number;
  signed: boolean;
  narrow: boolean;
  rounding: string;
}

/** A graph under construction: every method adds nodes and gives the name of the value they make. */
class Writer {
  readonly #next: () => number;
  readonly #nodes: Draft<NodeProto>[] = [];
  readonly #initializers: Draft<TensorProto>[] = [];
  readonly #opset: number;
  readonly #domain: string;
  readonly #constantNodes: boolean;
  /** Mostly without QONNX's quantizers. */
  readonly #plain: boolean;
  readonly #batch: number | string;
  #inputShape: number[] = [];
  #positive = false;
  #count = 0;

  constructor(next: () => number, plain: boolean) {
    this.#next = next;
    this.#plain = plain;
    this.#opset = this.pick(plain ? PLAIN_OPSETS : OPSETS);
    this.#domain = this.pick(DOMAINS);
    this.#constantNodes = this.chance(0.3);
    this.#batch = this.chance(0.5) ? 1 : "batch";
  }

  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Roughly normal: the sum of three uniform numbers, with mean 0 and deviation 1. */
  normal(): number {
    return 2 * (this.#next() + this.#next() + this.#next()) - 3;
  }

  normals(count: number, mean = 0, deviation = 1): number[] {
    return Array.from({ length: count }, () => mean + deviation * this.normal());
  }

  // Plumbing

  name(hint: string): string {
    return `${hint}_${this.#count++}`;
  }

  op(opType: string, inputs: string[], attributes: Record<string, AttributeValue> = {}, domain = ""): string {
    const output = this.name("v");
    this.#nodes.push(node(opType, inputs, output, attributes, domain));
    return output;
  }

  constant(tensor: (name: string) => Draft<TensorProto>): string {
    if (this.#constantNodes) return this.op("Constant", [], { value: tensor("") });
    const name = this.name("c");
    this.#initializers.push(tensor(name));
    return name;
  }

  floats(dims: number[], values: number[]): string {
    return this.constant((name) => floatTensor(name, dims, values));
  }

  ints(values: number[]): string {
    return this.constant((name) => int64Tensor(name, [values.length], values));
  }

  /** One number, as a scalar or as a vector of one. */
  number(value: number): string {
    return this.floats(this.pick([[], [1]]), [value]);
  }

  /** A constant operand for rows of `width` features: one number, or one per feature; of pictures, with `trailing` axes behind. */
  operand(width: number, make: () => number, trailing = 0): string {
    if (this.chance(0.4)) return this.number(make());
    const ones = new Array<number>(trailing).fill(1);
    return this.floats(
      this.pick([
        [width, ...ones],
        [1, width, ...ones],
      ]),
      Array.from({ length: width }, () => make()),
    );
  }

  /** Mostly positive: a power of two, a ratio of small numbers (ties happen), or any f32 near `size`. */
  scale(size: number): number {
    if (!this.#positive && this.chance(0.02)) return -this.scale(size);
    const kind = this.below(3);
    if (kind === 0) return 2 ** Math.round(Math.log2(size));
    if (kind === 1) return Math.fround(Math.max(1, Math.round(size * 12)) / 12);
    return Math.fround(size * (0.5 + this.#next()));
  }

  quant(x: string, { scale, zero, bits, signed, narrow, rounding }: QuantOptions): string {
    const attributes = { signed: signed ? 1n : 0n, narrow: narrow ? 1n : 0n, rounding_mode: rounding };
    const opType = this.#domain === "qonnx.custom_op.general" && this.chance(0.2) ? "IntQuant" : "Quant";
    return this.op(opType, [x, scale, this.number(zero), this.number(bits)], attributes, this.#domain);
  }

  /** A quantizer of any steps, for each channel or for all. */
  multiThreshold(x: string, channels: number): string {
    const [rows, steps] = [this.chance(0.7) ? channels : 1, this.pick([1, 2, 3, 7, 15, 40])];
    const bounds = this.floats([rows, steps], this.normals(rows * steps));
    const scale = this.scale(2 / steps);
    const bias = Number.isInteger(Math.log2(scale)) ? -scale * this.pick([0, 0.5, 1, steps]) : 0;
    return this.op(
      "MultiThreshold",
      [x, bounds],
      { out_dtype: "INT8", out_scale: scale, out_bias: bias },
      this.#domain,
    );
  }

  bipolar(x: string, scale: string): string {
    return this.op("BipolarQuant", [x, scale], {}, this.#domain);
  }

  // Parts of a network

  /** The graph's input, as rows of `width` features. */
  input(width: number): string {
    const style = this.below(4);
    const side = Math.sqrt(width);
    const picture = Number.isInteger(side) ? [1, side, side] : [width, 1, 1];
    this.#inputShape = style === 0 ? [width] : picture;
    if (style === 0) return "x";
    if (style === 1) return this.op("Flatten", ["x"], { axis: 1n });
    if (style === 2)
      return this.op("Reshape", [
        "x",
        this.ints(
          this.pick([
            [0, -1],
            [-1, width],
          ]),
        ),
      ]);
    const size = this.op("Gather", [this.op("Shape", ["x"]), this.constant((name) => int64Tensor(name, [], [0]))], {
      axis: 0n,
    });
    const parts = [this.unsqueeze(size), this.unsqueeze(this.constant((name) => int64Tensor(name, [], [-1])))];
    return this.op("Reshape", ["x", this.op("Concat", parts, { axis: 0n })]);
  }

  /** The graph's input, a picture; perhaps with its channels last, and a Transpose. */
  picture([channels, height, width]: Shape): string {
    if (this.chance(0.8)) {
      this.#inputShape = [channels, height, width];
      return "x";
    }
    this.#inputShape = [height, width, channels];
    return this.op("Transpose", ["x"], { perm: [0n, 3n, 1n, 2n] });
  }

  /** One vector of a picture; perhaps of its elements in another order. */
  flatten(x: string, width: number): string {
    const y = this.chance(0.2) ? this.op("Transpose", [x], { perm: [0n, 2n, 3n, 1n] }) : x;
    return this.chance(0.5) ? this.op("Flatten", [y]) : this.op("Reshape", [y, this.ints([this.pick([0, -1]), width])]);
  }

  /** What keeps the order of numbers, as quantizers behind a maximum do. */
  withoutNegativeScales<T>(make: () => T): T {
    this.#positive = true;
    const made = make();
    this.#positive = false;
    return made;
  }

  /** The maximum of any window that fits, now and then of all positions. */
  maxPool(x: string, [channels, height, width]: Shape): [output: string, shape: Shape] {
    if (this.chance(0.2)) return [this.op("GlobalMaxPool", [x]), [channels, 1, 1]];
    const ceil = this.chance(0.3);
    const direction = (size: number) => {
      const kernel = 1 + this.below(Math.min(size, 3));
      const [stride, before, after] = [1 + this.below(3), this.below(kernel), this.below(kernel)];
      const room = size + before + after - kernel;
      const most = (ceil ? Math.ceil : Math.floor)(room / stride);
      const starts = most * stride >= size + before ? most : most + 1;
      return { kernel, stride, before, after, size: starts };
    };
    const [h, w] = [direction(height), direction(width)];
    const attributes: Record<string, AttributeValue> = {
      kernel_shape: [h.kernel, w.kernel].map(BigInt),
      strides: [h.stride, w.stride].map(BigInt),
      pads: [h.before, w.before, h.after, w.after].map(BigInt),
    };
    if (ceil) attributes.ceil_mode = 1n;
    return [this.op("MaxPool", [x], attributes), [channels, h.size, w.size]];
  }

  /** The mean of any window that fits, or of all positions. */
  averagePool(x: string, [channels, height, width]: Shape): [output: string, shape: Shape] {
    if (this.chance(0.3)) return [this.op("GlobalAveragePool", [x]), [channels, 1, 1]];
    if (this.chance(0.2)) return [this.op("ReduceMean", [x], { axes: [2n, -1n] }), [channels, 1, 1]];
    const direction = (size: number) => {
      const [kernel, stride] = [1 + this.below(Math.min(size, 3)), 1 + this.below(2)];
      return { kernel, stride, size: Math.floor((size - kernel) / stride) + 1 };
    };
    const [h, w] = [direction(height), direction(width)];
    const attributes = { kernel_shape: [h.kernel, w.kernel].map(BigInt), strides: [h.stride, w.stride].map(BigInt) };
    return [this.op("AveragePool", [x], attributes), [channels, h.size, w.size]];
  }

  /** A picture and a convolution of it that keeps its shape, in codes of one scale, and their sum. */
  residual(x: string, [channels]: Shape): string {
    const kernel = this.op("Conv", [x, this.weights([channels, channels, 3, 3], 0)], { pads: [1n, 1n, 1n, 1n] });
    const scale = this.number(this.scale(0.5));
    const codes = (y: string) => {
      const bits = 2 + this.below(6);
      return this.quant(y, {
        scale,
        zero: 0,
        bits,
        signed: true,
        narrow: this.chance(0.3),
        rounding: this.pick(ROUNDINGS),
      });
    };
    const sum = this.op("Add", [codes(this.between(kernel, channels, 2)), codes(x)]);
    return this.chance(0.5) ? this.op("Relu", [sum]) : sum;
  }

  /** A picture's codes and the sums of a convolution that keeps its shape, added before they are quantized: at scales whose sums have no ties that floats break. */
  mixed(x: string, [channels]: Shape): string {
    const scale = (size: number) => this.number(Math.fround(size * (0.5 + this.#next())));
    const kernel = this.op("Conv", [x, this.weights([channels, channels, 3, 3], 0)], { pads: [1n, 1n, 1n, 1n] });
    const sums = this.chance(0.7) ? this.norm(kernel, channels, 2) : kernel;
    const own = { zero: 0, bits: 2 + this.below(7), signed: true, narrow: false, rounding: "ROUND" };
    const codes = this.quant(x, { ...own, scale: scale(0.5) });
    const sum = this.op("Add", this.chance(0.5) ? [sums, codes] : [codes, sums]);
    const bits = 1 + this.below(8);
    const [signed, rounding] = [bits > 1 && this.chance(0.5), this.pick(["ROUND", "CEIL", "FLOOR", "HALF_EVEN"])];
    return this.quant(this.chance(0.5) ? this.op("Relu", [sum]) : sum, {
      ...{ scale: scale(4 / 2 ** bits), zero: this.chance(0.3) ? this.below(5) : 0 },
      ...{ bits, signed, narrow: false, rounding },
    });
  }

  /** A picture with its lines and columns repeated. */
  resize(x: string, [channels, height, width]: Shape): [output: string, shape: Shape] {
    const [y, z] = [1 + this.below(2), 1 + this.below(3)];
    const modes: Record<string, AttributeValue> = this.chance(0.5)
      ? { coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }
      : {};
    const scales = this.floats([4], [1, 1, y, z]);
    // Resize has other operands in older operator sets
    const larger =
      this.#opset >= 11
        ? this.op("Resize", [x, "", scales], { mode: "nearest", ...modes })
        : this.#opset >= 9
          ? this.op("Upsample", [x, scales])
          : this.op("Upsample", [x], { scales: [1, 1, y, z] });
    return [larger, [channels, y * height, z * width]];
  }

  /** A picture, and one or two convolutions of it that keep its height and width, as sums or as codes of any scale, along the channels. */
  join(x: string, [channels, height, width]: Shape): [output: string, shape: Shape] {
    let all = channels;
    const parts = Array.from({ length: 1 + this.below(2) }, () => {
      const outputs = 1 + this.below(3);
      all += outputs;
      const y = this.op("Conv", [x, this.weights([outputs, channels, 1, 1], 0)]);
      return this.chance(0.5) ? y : this.quantizeData(this.between(y, outputs, 2));
    });
    const operands = this.chance(0.5) ? [x, ...parts] : [...parts, x];
    return [this.op("Concat", operands, { axis: this.pick([1n, -3n]) }), [all, height, width]];
  }

  /** A convolution that fits, of any kernel, stride, dilation, padding and groups, perhaps with a bias. */
  conv(x: string, [channels, height, width]: Shape): [output: string, shape: Shape] {
    const direction = (size: number) => {
      const [kernel, stride, dilation] = [1 + this.below(3), this.pick([1, 1, 2]), this.pick([1, 1, 1, 2])];
      const span = (kernel - 1) * dilation;
      const before = this.below(span + 1);
      const after = Math.max(this.below(span + 1), span + 1 - size - before);
      return {
        kernel,
        stride,
        dilation,
        before,
        after,
        size: Math.floor((size + before + after - span - 1) / stride) + 1,
      };
    };
    const [h, w] = [direction(height), direction(width)];
    const groups = this.chance(0.25) ? channels : channels % 2 === 0 && this.chance(0.2) ? 2 : 1;
    const outputs = groups * (1 + this.below(groups > 2 ? 2 : 6));
    const kernel = [h.kernel, w.kernel];
    const weights = this.weights([outputs, channels / groups, ...kernel], 0);
    const bias = this.chance(0.4) ? [this.bias(outputs)] : [];
    const bigints = (list: number[]) => list.map(BigInt);
    const attributes: Record<string, AttributeValue> = {
      pads: bigints([h.before, w.before, h.after, w.after]),
      strides: bigints([h.stride, w.stride]),
      dilations: bigints([h.dilation, w.dilation]),
      group: BigInt(groups),
    };
    if (this.chance(0.5)) attributes.kernel_shape = bigints(kernel);
    return [this.op("Conv", [x, weights, ...bias], attributes), [outputs, h.size, w.size]];
  }

  /** Axes are an attribute before operator set 13, an input since. */
  unsqueeze(x: string): string {
    return this.#opset < 13 ? this.op("Unsqueeze", [x], { axes: [0n] }) : this.op("Unsqueeze", [x, this.ints([0])]);
  }

  firstQuantizer(x: string, width: number): string {
    let y = x;
    if (this.chance(0.4)) {
      y = this.op("Mul", [y, this.number(2)]);
      y = this.op("Sub", [y, this.number(1)]);
    }
    const codes = this.quantizeData(y);
    return this.#plain ? this.affine(codes, width) : codes;
  }

  /** A quantizer for values of about unit size: one scale for all features, or, given their number, perhaps one for each. */
  quantizeData(x: string, width?: number): string {
    if (this.#plain && !width && this.chance(0.7)) return this.plainQuantizer(x);
    const scale = (size: number): string =>
      width ? this.operand(width, () => this.scale(size)) : this.number(this.scale(size));
    if (this.chance(0.2)) return this.bipolar(x, scale(1));
    const bits = 1 + this.below(8);
    const signed = bits > 1 && this.chance(0.5);
    return this.quant(x, {
      scale: scale(2 / 2 ** (signed ? bits - 1 : bits)),
      zero: this.chance(0.3) ? this.below(5) - (signed ? 2 : 0) : 0,
      bits,
      signed,
      narrow: bits > 1 && this.chance(0.3),
      rounding: this.pick(ROUNDINGS),
    });
  }

  /** x · W, with weights behind a quantizer and perhaps a bias. */
  dense(x: string, inputs: number, outputs: number): string {
    const transposed = this.chance(0.5); // stored as (M, K)
    const dims = transposed ? [outputs, inputs] : [inputs, outputs];
    const weights = this.weights(dims, transposed ? 0 : 1);
    const bias = this.chance(0.5) ? this.bias(outputs) : undefined;
    if (this.chance(0.4)) {
      const attributes: Record<string, AttributeValue> = transposed ? { transB: 1n } : {};
      if (this.chance(0.2)) attributes.alpha = 0.5;
      if (bias && this.chance(0.2)) attributes.beta = 2;
      return this.op("Gemm", [x, weights, ...(bias ? [bias] : this.#opset < 11 ? [this.number(0)] : [])], attributes);
    }
    const matrix = transposed ? this.op("Transpose", [weights], { perm: [1n, 0n] }) : weights;
    const product = this.op("MatMul", [x, matrix]);
    if (!bias) return product;
    return this.op("Add", this.chance(0.5) ? [product, bias] : [bias, product]);
  }

  /** A matrix, or (axis 0 is that of outputs) more axes. */
  weights(dims: number[], outputAxis: 0 | 1): string {
    if (this.#plain && this.chance(0.8)) return this.plainWeights(dims, outputAxis);
    const count = dims.reduce((a, b) => a * b);
    const ones = new Array<number>(dims.length - 1).fill(1);
    const perChannel = this.chance(0.5);
    const scaleDims = perChannel
      ? outputAxis === 0
        ? [dims[0]!, ...ones]
        : [1, dims[1]!]
      : this.pick([[], [1], [1, 1]]);
    const scales = (size: number): string =>
      this.floats(
        scaleDims,
        Array.from({ length: perChannel ? dims[outputAxis]! : 1 }, () => this.scale(size)),
      );
    const latent = this.floats(dims, this.normals(count));
    const kind = this.below(4);
    if (kind === 0) return this.bipolar(latent, scales(0.5));
    if (kind === 1) {
      return this.quant(latent, {
        scale: scales(0.7),
        zero: 0,
        bits: 2,
        signed: true,
        narrow: true,
        rounding: "ROUND",
      });
    }
    if (kind === 2) {
      const codes = Array.from({ length: count }, () => this.below(3) - 1);
      const step = this.scale(0.3);
      if (this.chance(0.5))
        return this.floats(
          dims,
          codes.map((code) => code * step),
        ); // bare
      const scale = this.floats([], [step]);
      return this.quant(
        this.floats(
          dims,
          codes.map((code) => code * step),
        ),
        {
          scale,
          zero: 0,
          bits: 2,
          signed: true,
          narrow: true,
          rounding: "ROUND",
        },
      );
    }
    const bits = 1 + this.below(8);
    const signed = bits > 1 && this.chance(0.8);
    const zero = signed ? (bits < 8 && this.chance(0.2) ? this.below(3) - 1 : 0) : Math.floor(2 ** (bits - 1));
    return this.quant(latent, {
      scale: scales(2 / 2 ** (bits - 1)),
      zero,
      bits,
      signed,
      narrow: bits > 1 && this.chance(0.5),
      rounding: this.pick(ROUNDINGS),
    });
  }

  /** QuantizeLinear and DequantizeLinear, or Sign. */
  plainQuantizer(x: string): string {
    if (this.chance(0.3)) return this.op("Sign", [x]);
    const type = this.pick(["INT8", "UINT8"] as const);
    const zero = this.chance(0.5) ? 0 : type === "INT8" ? this.below(41) - 20 : this.below(256);
    const operands = [this.number(this.scale(2 / 2 ** 7)), this.bytes(type, [], [zero])];
    return this.op("DequantizeLinear", [this.op("QuantizeLinear", [x, ...operands]), ...operands]);
  }

  /** Constants and factors that a layer sums up. */
  affine(x: string, width: number): string {
    let y = x;
    for (let n = this.below(4); n > 0; n--) {
      y = this.pick<(y: string) => string>([
        (y) => this.op("Add", [y, this.operand(width, () => this.normal())]),
        (y) => this.op("Sub", [y, this.number(1)]),
        (y) => this.op("Sub", [this.operand(width, () => this.below(3)), y]),
        (y) => this.op("Mul", [this.number(this.pick([2, -1, 0.3])), y]),
        (y) => this.op("Div", [y, this.number(this.pick([2, -3, 0.7]))]),
        (y) => this.op("Neg", [y]),
      ])(y);
    }
    return y;
  }

  /** Weights without a node of QONNX: bare, stored as bytes, or quantized by plain ops. */
  plainWeights(dims: number[], outputAxis: 0 | 1): string {
    const count = dims[0]! * dims[1]!;
    const channels = dims[outputAxis]!;
    const perChannel = this.chance(0.5);
    // Of 16 bits, so that an f32 holds code · scale: the definition knows of no codes.
    const scales = Array.from(
      { length: perChannel ? channels : 1 },
      () => Math.round(this.scale(0.1) * 2 ** 18) / 2 ** 18,
    );
    const scale = this.floats(perChannel ? (outputAxis === 0 ? [channels, 1] : [1, channels]) : [], scales);
    const channelOf = (i: number): number => (outputAxis === 0 ? Math.floor(i / dims[1]!) : i % dims[1]!);
    const half = this.pick([1, 2, 4, 8, 128]);
    const codes = Array.from({ length: count }, () => this.below(2 * half) - half);
    const latent = this.floats(dims, this.normals(count));
    switch (this.below(6)) {
      case 0:
        return this.floats(
          dims,
          codes.map((code, i) => code * scales[perChannel ? channelOf(i) : 0]!),
        );
      case 1: {
        const cast = this.op("Cast", [this.bytes("INT8", dims, codes)], { to: 1n });
        return this.op("Mul", this.chance(0.5) ? [cast, scale] : [scale, cast]);
      }
      case 2: {
        const zeros = scales.map(() => this.pick([128, 128, 127]));
        const stored = codes.map((code, i) => Math.max(code, -127) + zeros[perChannel ? channelOf(i) : 0]!);
        const axis = BigInt(outputAxis - (this.chance(0.5) ? 2 : 0));
        const vector = perChannel ? [channels] : [];
        return this.op(
          "DequantizeLinear",
          [this.bytes("UINT8", dims, stored), this.floats(vector, scales), this.bytes("UINT8", vector, zeros)],
          { axis },
        );
      }
      case 3: {
        const operands = [this.number(this.scale(2 / 2 ** 7)), this.bytes("INT8", [], [0])];
        return this.op("DequantizeLinear", [this.op("QuantizeLinear", [latent, ...operands]), ...operands]);
      }
      case 4: {
        const negative = this.op("Less", [latent, this.number(0)]);
        const signs = this.op("Where", [negative, this.number(-1), this.number(1)]);
        return this.op("Mul", [this.chance(0.5) ? this.op("Sign", [latent]) : signs, scale]);
      }
      default: {
        const mean = this.op("ReduceMean", [this.op("Abs", [latent])], { keepdims: this.pick([0n, 1n]) });
        const rounded = this.op("Round", [this.op("Div", [latent, mean])]);
        return this.op("Mul", [this.clip(rounded), mean]);
      }
    }
  }

  bytes(type: "INT8" | "UINT8", dims: number[], values: number[]): string {
    return this.constant((name) => byteTensor(name, type, dims, values));
  }

  bias(outputs: number): string {
    const bias = this.floats([outputs], this.normals(outputs));
    if (this.chance(0.5)) return bias;
    const bits = this.pick([8, 16, 32]);
    return this.quant(bias, {
      scale: this.number(this.scale(2 ** -6)),
      zero: 0,
      bits,
      signed: true,
      narrow: false,
      rounding: "ROUND",
    });
  }

  /** What stands between a layer's sums and the next quantizer; brings them to about unit size. */
  between(x: string, width: number, trailing = 0): string {
    let y = x;
    if (this.chance(0.6)) y = this.norm(y, width, trailing);
    else if (this.chance(0.5)) y = this.op("Mul", [y, this.operand(width, () => this.scale(0.25), trailing)]);
    else y = this.op("Div", [y, this.operand(width, () => this.scale(4), trailing)]);
    y = this.pick<(y: string) => string>([
      (y) => y,
      (y) => this.op("Relu", [y]),
      (y) => this.op("Relu", [y]),
      (y) => this.clip(y),
      (y) => this.op("HardTanh", [y], { min_val: -1, max_val: 1 }, this.#domain),
      (y) => this.op("Pow", [y, this.number(2)]),
      (y) => this.op("Min", [y, this.number(1.5)]),
      (y) => this.op("Max", [this.operand(width, () => this.normal(), trailing), y]),
      (y) => this.op("Neg", [y]),
      (y) => this.op("Sub", [this.number(1), y]),
    ])(y);
    if (this.chance(0.2)) y = this.op("Dropout", [y]);
    return y;
  }

  /** Batch norm in one node or four, with negative gammas and, sometimes, zero ones. */
  norm(x: string, width: number, trailing = 0): string {
    const signs = this.chance(0.5);
    const zeros = this.chance(0.2);
    const gamma = this.normals(width, 1, 0.3).map((g) =>
      zeros && this.chance(0.2) ? 0 : signs && this.chance(0.5) ? -Math.abs(g) : Math.abs(g) + 0.01,
    );
    const beta = this.normals(width, 0, 0.5);
    const mean = this.normals(width, 0, 2);
    const variance = this.normals(width, 4, 1).map((v) => Math.abs(v) + 0.01);
    const ones = new Array<number>(trailing).fill(1);
    const row = this.chance(0.5) ? [width, ...ones] : [1, width, ...ones];
    if (this.chance(0.6)) {
      const parameters = [gamma, beta, mean, variance].map((values) => this.floats([width], values));
      return this.op("BatchNormalization", [x, ...parameters], this.chance(0.5) ? { epsilon: 1e-3 } : {});
    }
    let deviation: string;
    if (this.chance(0.5)) {
      const shifted = this.op("Add", [this.floats(row, variance), this.number(1e-5)]);
      deviation = this.chance(0.5) ? this.op("Sqrt", [shifted]) : this.op("Pow", [shifted, this.number(0.5)]);
    } else deviation = this.floats(row, variance.map(Math.sqrt));
    const centred = this.op("Sub", [x, this.floats(row, mean)]);
    const scaled = this.op("Mul", [this.op("Div", [centred, deviation]), this.floats(row, gamma)]);
    return this.op("Add", [scaled, this.floats(row, beta)]);
  }

  /** Bounds are attributes before operator set 11, inputs since. */
  clip(x: string): string {
    if (this.#opset < 11) return this.op("Clip", [x], { min: -1, max: 1 });
    const scalar = (value: number): string => this.floats([], [value]);
    return this.op("Clip", this.chance(0.5) ? [x, scalar(-1), scalar(1)] : [x, "", scalar(1)]);
  }

  /** A quantizer between layers, perhaps with its scale applied again by hand. */
  activation(x: string, width: number): string {
    let y = this.quantizeData(x);
    if (this.#plain) return this.affine(y, width);
    if (this.chance(0.1)) y = this.op("Mul", [y, this.number(this.scale(2))]);
    if (this.chance(0.1)) y = this.op("Relu", [y]);
    if (this.chance(0.1)) y = this.op("Identity", [y]);
    return y;
  }

  ending(x: string, width: number): string {
    const axis = this.pick([1n, -1n]);
    switch (this.below(8)) {
      case 0:
        return x;
      case 1:
        return this.op("Add", [x, this.operand(width, () => this.normal())]);
      case 2:
        return this.norm(x, width);
      case 3:
        return this.op("Relu", [x]);
      case 4:
        return this.op("Softmax", [x], { axis });
      case 5:
        return this.op("ArgMax", [this.chance(0.3) ? this.op("Softmax", [x], { axis }) : x], {
          axis,
          keepdims: this.pick([0n, 1n]),
        });
      case 6:
        return this.bipolar(this.norm(x, width), this.number(1));
      default:
        return this.quantizeData(this.between(x, width), width);
    }
  }

  finish(outputs: string[], seed: number): Uint8Array {
    const graph = {
      name: `random ${seed}`,
      node: this.#nodes,
      initializer: this.#initializers,
      input: [valueInfo("x", [this.#batch, ...this.#inputShape])],
      output: outputs.map((output) => valueInfo(output, [this.#batch, "features"])),
    };
    return encodeModel(
      model(graph, { "": this.#opset, [this.#domain]: 1 }, { name: "littletern tests", version: "0" }),
    );
  }
}
