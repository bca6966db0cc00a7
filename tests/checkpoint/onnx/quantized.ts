import {
  type AttributeValue,
  floatTensor,
  int64Tensor,
  model,
  node,
  valueInfo,
} from "../../../host/checkpoint/onnx/build.ts";
import { type Draft, encodeModel, type NodeProto, type TensorProto } from "../../../host/checkpoint/onnx/proto.ts";
import { Random } from "../../graph/random.ts";
import { integerTensor } from "./integers.ts";

/** Integers of a file: their name and their quantization. */
interface Integers {
  name: string;
  shape: number[];
  /** Names of scale and zero point. */
  of: [scale: string, zero: string];
  scale: number;
  zero: number;
  type: "INT8" | "UINT8";
}

export interface QuantizedFile {
  bytes: Uint8Array;
  /** Sizes of a row. */
  shape: number[];
  /** Names of all integers that nodes make of data. */
  integers: Set<string>;
  /** All scales are powers of two, so that f32 computes what float64 does, ties included. */
  isExact: boolean;
  /** Rows of inputs, ties among them. */
  rows(count: number): Float32Array;
}

/** So wide are weights, that of two products a sum of 16 bits holds, as onnxruntime's kernels without VNNI add them. */
const MAX_WEIGHT = 63;

/**
 * A convolutional network as onnxruntime's quantizer writes them: QuantizeLinear and DequantizeLinear around each op, operators of integers, or each now and
 * then. Scales are powers of two with every second seed.
 */
export function randomQuantizedOnnx(seed: number): QuantizedFile {
  const random = new Random(seed ^ 0x51ed270b);
  const isExact = seed % 2 === 0;
  const types = seed % 3 === 0 ? (["INT8", "UINT8"] as const) : [random.pick(["INT8", "UINT8"] as const)]; // of operators of integers one
  const file = new Writer(random, isExact, types, [() => false, () => true, () => random.chance(0.5)][seed % 3]!);
  const shape = [random.int(1, 4), random.int(4, 9), random.int(4, 9)];
  const input = file.quantization(file.scaleNear(0.05));
  let x = file.integers("QuantizeLinear", ["x", ...input.of], shape, input);
  for (let layers = random.int(2, 5); layers > 0; layers--) x = file.layer(x);
  x = file.flat(x);
  for (let layers = random.int(1, 2); layers > 0; layers--) x = file.dense(x, random.int(2, 12));
  if (!isExact && random.chance(0.2)) x = file.softmax(x);
  file.nodes.push(node("DequantizeLinear", [x.name, ...x.of], "y"));
  const graph = {
    name: `quantized ${seed}`,
    node: file.nodes,
    initializer: file.constants,
    input: [valueInfo("x", ["N", ...shape])],
    output: [valueInfo("y", [])],
  };
  const bytes = encodeModel(model(graph, { "": 13, [MICROSOFT]: 1 }, { name: "littletern tests", version: "1" }));
  const size = shape.reduce((a, b) => a * b, 1);
  const step = () => (random.chance(0.2) ? random.int(-140, 140) + 0.5 : 280 * random.unit() - 140);
  const rows = (count: number) => Float32Array.from({ length: count * size }, () => step() * input.scale);
  return { bytes, shape, integers: file.made, isExact, rows };
}

const MICROSOFT = "com.microsoft";

class Writer {
  readonly nodes: Draft<NodeProto>[] = [];
  readonly constants: Draft<TensorProto>[] = [];
  readonly made = new Set<string>();
  private readonly random: Random;
  private readonly isExact: boolean;
  private readonly types: readonly Integers["type"][];
  private readonly ofIntegers: () => boolean;
  private count = 0;

  /** `types`: of data; `ofIntegers`: whether the next op is one of integers. */
  constructor(random: Random, isExact: boolean, types: readonly Integers["type"][], ofIntegers: () => boolean) {
    [this.random, this.isExact, this.types, this.ofIntegers] = [random, isExact, types, ofIntegers];
  }

  layer(x: Integers): Integers {
    const [, height, width] = x.shape as [number, number, number];
    const some = this.random.pick(["conv", "conv", "conv", "bend", "maxpool", "avgpool", "add", "concat", "pad"]);
    if (some === "bend") return this.bend(x);
    if (some === "add") return this.add(x, this.conv(x, x.shape[0]!, 1));
    if (some === "concat") return this.concat([x, this.conv(x, this.random.int(1, 4), 1)]);
    if (some === "conv" || Math.min(height, width) < 2) return this.conv(x, this.random.int(1, 6));
    if (some === "pad") return this.conv(this.pad(x), this.random.int(1, 4), 2);
    return some === "maxpool" ? this.maxpool(x) : this.avgpool(x);
  }

  /** A convolution, of a kernel of this size if told. */
  private conv(x: Integers, outputs: number, size?: number): Integers {
    const [channels, height, width] = x.shape as [number, number, number];
    const isDepthwise = size === undefined && this.random.chance(0.25);
    const [groups, M] = isDepthwise ? [channels, channels * this.random.int(1, 2)] : [1, outputs];
    const padded = size === undefined && Math.min(height, width) > 1 && this.random.chance(0.6);
    const kernel = [height, width].map((most) => size ?? this.random.int(padded ? 2 : 1, Math.min(3, most)));
    const pads = kernel.map((k) => (padded ? this.random.int(0, k - 1) : 0));
    const strides = kernel.map(() => (size === undefined ? this.random.int(1, 2) : 1));
    const [H, W] = [height, width].map((n, i) => Math.floor((n + 2 * pads[i]! - kernel[i]!) / strides[i]!) + 1);
    const own = channels / groups;
    const weights = this.weights([M, own, ...kernel], 0);
    const K = own * kernel[0]! * kernel[1]!;
    const to = this.quantization(this.scaleNear(weights.usual * x.scale * Math.sqrt(K)));
    const more = {
      group: BigInt(groups),
      pads: [...pads, ...pads].map(BigInt),
      strides: strides.map(BigInt),
      ...(this.random.chance(0.5) && { kernel_shape: kernel.map(BigInt) }),
    };
    const shape = [M, H!, W!];
    const bias = this.random.chance(0.7) ? this.bias(M, K) : undefined;
    if (this.ofIntegers()) {
      const inputs = [x.name, ...x.of, weights.name, ...weights.of, ...to.of, ...(bias ? [bias] : [])];
      return this.integers("QLinearConv", inputs, shape, to, more);
    }
    const inputs = [this.real(x), this.realOf(weights.name, weights.of, weights.axis)];
    if (bias) inputs.push(this.realBias(bias, x, weights));
    return this.around("Conv", inputs, shape, to, more);
  }

  dense(x: Integers, M: number): Integers {
    const [K] = x.shape as [number];
    const isTransposed = this.random.chance(0.5);
    const weights = this.weights(isTransposed ? [M, K] : [K, M], isTransposed ? 0 : 1);
    const to = this.quantization(this.scaleNear(weights.usual * x.scale * Math.sqrt(K)));
    const more: Record<string, AttributeValue> = isTransposed ? { transB: 1n } : {};
    const bias = this.random.chance(0.7) ? this.bias(M, K) : undefined;
    if (this.ofIntegers()) {
      const inputs = [x.name, ...x.of, weights.name, ...weights.of];
      if (!isTransposed && this.random.chance(0.5))
        return this.integers("QLinearMatMul", [...inputs, ...to.of], [M], to);
      return this.integers("QGemm", [...inputs, bias ?? "", ...to.of], [M], to, more, MICROSOFT);
    }
    const inputs = [this.real(x), this.realOf(weights.name, weights.of, weights.axis)];
    if (isTransposed || this.random.chance(0.5)) {
      return this.around("Gemm", [...inputs, ...(bias ? [this.realBias(bias, x, weights)] : [])], [M], to, more);
    }
    const product = this.op("MatMul", inputs);
    return this.around("Add", [product, this.floats([M], () => 20 * to.scale * (this.random.unit() - 0.5))], [M], to);
  }

  /** Codes around a ReLU or a Clip. */
  private bend(x: Integers): Integers {
    const to = this.random.chance(0.5) ? x : this.quantization(this.scaleNear(x.scale));
    const real = this.real(x);
    if (this.random.chance(0.5)) return this.around("Relu", [real], x.shape, to);
    const bounds = [-20, 60].map((code) => this.floats([], () => code * x.scale));
    return this.around("Clip", [real, ...bounds], x.shape, to);
  }

  private maxpool(x: Integers): Integers {
    const [C, H, W] = x.shape as [number, number, number];
    const more = { kernel_shape: [2n, 2n], strides: [2n, 1n] };
    const shape = [C, Math.floor((H - 2) / 2) + 1, W - 1];
    return this.ofIntegers()
      ? this.integers("MaxPool", [x.name], shape, x, more)
      : this.around("MaxPool", [this.real(x)], shape, x, more);
  }

  /** Of numbers that f32 holds, if scales are exact: a mean of 4. */
  private avgpool(x: Integers): Integers {
    const [C, H, W] = x.shape as [number, number, number];
    const isOdd = !this.isExact && Math.min(H, W) > 2 && this.random.chance(0.5);
    const kernel = isOdd ? 3 : 2;
    const more = { kernel_shape: [BigInt(kernel), BigInt(kernel)], strides: [1n, 2n] };
    const shape = [C, H - kernel + 1, Math.floor((W - kernel) / 2) + 1];
    return this.mean("AveragePool", x, shape, more);
  }

  private mean(op: string, x: Integers, shape: number[], more: Record<string, AttributeValue>): Integers {
    const to = this.quantization(this.scaleNear(x.scale / 2));
    return this.ofIntegers()
      ? this.integers(`QLinear${op}`, [x.name, ...x.of, ...to.of], shape, to, more, MICROSOFT)
      : this.around(op, [this.real(x)], shape, to, more);
  }

  private add(x: Integers, y: Integers): Integers {
    const to = this.quantization(this.scaleNear(Math.max(x.scale, y.scale) * 1.5));
    return this.ofIntegers()
      ? this.integers("QLinearAdd", [x.name, ...x.of, y.name, ...y.of, ...to.of], x.shape, to, {}, MICROSOFT)
      : this.around("Add", [this.real(x), this.real(y)], x.shape, to);
  }

  private concat(parts: Integers[]): Integers {
    const [first] = parts as [Integers];
    const to = this.random.chance(0.5) ? first : this.quantization(this.scaleNear(first.scale));
    const shape = first.shape.with(
      0,
      parts.reduce((sum, part) => sum + part.shape[0]!, 0),
    );
    if (!this.ofIntegers()) {
      return this.around(
        "Concat",
        parts.map((part) => this.real(part)),
        shape,
        to,
        { axis: 1n },
      );
    }
    const inputs = [...to.of, ...parts.flatMap((part) => [part.name, ...part.of])];
    return this.integers("QLinearConcat", inputs, shape, to, { axis: 1n }, MICROSOFT);
  }

  /** A line of the zero point around integers, or of 0 around real numbers. */
  private pad(x: Integers): Integers {
    const [C, H, W] = x.shape as [number, number, number];
    const sides = Array.from({ length: 4 }, () => this.random.int(0, 1));
    const pads = this.constant((name) => int64Tensor(name, [8], [0, 0, ...sides.slice(0, 2), 0, 0, ...sides.slice(2)]));
    const shape = [C, H + sides[0]! + sides[2]!, W + sides[1]! + sides[3]!];
    return this.ofIntegers()
      ? this.integers("Pad", [x.name, pads, x.of[1]], shape, x)
      : this.around("Pad", [this.real(x), pads], shape, x);
  }

  /** Probabilities in steps of 1/256, at the end. */
  softmax(x: Integers): Integers {
    const to = this.quantization(2 ** -8);
    return this.around("Softmax", [this.real(x)], x.shape, to, { axis: 1n });
  }

  /** A vector of a picture: its elements, or the mean of each channel. */
  flat(x: Integers): Integers {
    const [C, H, W] = x.shape as [number, number, number];
    const isPower = Number.isInteger(Math.log2(H * W));
    const hasMean = (isPower || !this.isExact) && this.random.chance(0.5);
    const pooled = hasMean ? this.mean("GlobalAveragePool", x, [C, 1, 1], {}) : x;
    return this.integers("Flatten", [pooled.name], [hasMean ? C : C * H * W], pooled);
  }

  /** Weights, whose scales are one or one for each output channel, and what a product of them and codes usually is, over 50 codes. */
  private weights(dims: number[], axis: number) {
    const outputs = dims[axis]!;
    const isUnsigned = this.types.includes("UINT8") && this.random.chance(0.2);
    const zero = isUnsigned ? 128 : 0;
    const type = isUnsigned ? "UINT8" : "INT8";
    const name = this.constant((name) =>
      integerTensor(
        name,
        type,
        dims,
        Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => zero + this.random.int(-MAX_WEIGHT, MAX_WEIGHT)),
      ),
    );
    const count = this.random.chance(0.5) ? outputs : 1;
    const scales = Array.from({ length: count }, () => this.scaleNear(0.01));
    const vector = count > 1 ? [count] : [];
    const scale = this.constant((name) => floatTensor(name, vector, scales));
    const zeros = this.constant((name) =>
      integerTensor(
        name,
        type,
        vector,
        scales.map(() => zero),
      ),
    );
    const usual = (Math.max(...scales) * 60 * 36) / 50;
    return { name, of: [scale, zeros] as [string, string], scales, usual, axis };
  }

  private bias(M: number, K: number): string {
    const most = Math.round(2000 * Math.sqrt(K));
    const values = Array.from({ length: M }, () => this.random.int(-most, most));
    return this.constant((name) => integerTensor(name, "INT32", [M], values));
  }

  /** A bias of QDQ files, whose scales are the products of the others. */
  private realBias(bias: string, x: Integers, { scales }: { scales: number[] }): string {
    const products = scales.map((scale) => Math.fround(scale * x.scale));
    const vector = products.length > 1 ? [products.length] : [];
    const scale = this.constant((name) => floatTensor(name, vector, products));
    return this.op("DequantizeLinear", [bias, scale], vector.length > 0 ? { axis: 0n } : {});
  }

  private real(x: Integers): string {
    return this.op("DequantizeLinear", [x.name, ...x.of]);
  }

  private realOf(name: string, of: [string, string], axis: number): string {
    return this.op("DequantizeLinear", [name, ...of], { axis: BigInt(axis) });
  }

  /** An op of real numbers, and the integers of its result. */
  private around(
    op: string,
    inputs: string[],
    shape: number[],
    to: Pick<Integers, "of" | "scale" | "zero" | "type">,
    more: Record<string, AttributeValue> = {},
  ): Integers {
    return this.integers("QuantizeLinear", [this.op(op, inputs, more), ...to.of], shape, to);
  }

  integers(
    op: string,
    inputs: string[],
    shape: number[],
    { of, scale, zero, type }: Pick<Integers, "of" | "scale" | "zero" | "type">,
    more: Record<string, AttributeValue> = {},
    domain = "",
  ): Integers {
    const name = this.op(op, inputs, more, domain);
    this.made.add(name);
    return { name, shape, of, scale, zero, type };
  }

  quantization(scale: number): Pick<Integers, "of" | "scale" | "zero" | "type"> {
    const type = this.random.pick(this.types);
    const [least, most] = type === "INT8" ? [-128, 127] : [0, 255];
    const middle = Math.round((least + most) / 2);
    const zero = this.random.pick([least, middle, middle, this.random.int(least, most)]);
    const names = [
      this.constant((name) => floatTensor(name, [], [scale])),
      this.constant((name) => integerTensor(name, type, [], [zero])),
    ] as [string, string];
    return { of: names, scale, zero, type };
  }

  /** A scale of this size: an f32, a power of two in exact files. */
  scaleNear(size: number): number {
    const wish = size * (0.7 + 0.6 * this.random.unit());
    return this.isExact ? 2 ** Math.round(Math.log2(wish)) : Math.fround(wish);
  }

  private floats(dims: number[], value: () => number): string {
    const count = dims.reduce((a, b) => a * b, 1);
    const exact = (x: number) => (this.isExact ? Math.round(x * 2 ** 12) / 2 ** 12 : Math.fround(x));
    const values = Array.from({ length: count }, () => exact(value()));
    return this.constant((name) => floatTensor(name, dims, values));
  }

  private constant(make: (name: string) => Draft<TensorProto>): string {
    const name = `c${this.constants.length}`;
    this.constants.push(make(name));
    return name;
  }

  private op(op: string, inputs: string[], more: Record<string, AttributeValue> = {}, domain = ""): string {
    const name = `t${this.count++}`;
    this.nodes.push(node(op, inputs, name, more, domain));
    return name;
  }
}
