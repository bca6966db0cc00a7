import type { GraphInput } from "../../../host/graph/graph.ts";
import { Random } from "../../graph/random.ts";
import type { Net, NetOperator, NetTensor } from "./build.ts";

/** Sizes of a picture [1, height, width, channels], and the tensor that is one. */
type Picture = { index: number; height: number; width: number; channels: number };

/** A random net of int8 or uint8: of convolutions, pools, sums and joins of pictures and, at its end, perhaps a dense layer and a softmax. */
export function randomNet(seed: number): Net {
  const random = new Random(seed);
  const net: Net = { tensors: [], operators: [], inputs: [0], outputs: [] };
  const scale = () => Math.fround(random.chance(0.2) ? 2 ** random.int(-6, 0) : 0.005 + random.unit() / 10);
  const type = random.chance(0.2) ? "UINT8" : "INT8";
  const [min, max] = type === "UINT8" ? [0, 255] : [-128, 127];
  const zero = () => random.pick([min, min + 128, max, random.int(min, max)]);
  const tensor = (shape: number[], more: Partial<NetTensor> = {}): number =>
    net.tensors.push({ name: `t${net.tensors.length}`, shape, type, scale: [scale()], zero: [zero()], ...more }) - 1;
  const operator = (op: string, inputs: number[], output: number, options?: NetOperator["options"]): number => {
    net.operators.push({ op, inputs, outputs: [output], ...(options && { options }) });
    return output;
  };
  const activation = () => random.pick([0, 0, 1, 2, 3]);
  /** Weights of so many around a zero point. */
  const constant = (length: number, middle: number) =>
    type === "UINT8"
      ? Uint8Array.from({ length }, () => random.int(Math.max(0, middle - 128), Math.min(255, middle + 127)))
      : Int8Array.from({ length }, () => random.int(-127, 127));

  /** Weights, whose scales bring sums of K products to codes of the output, and a bias. */
  const filter = (input: number, output: number, shape: number[], axis: number, K: number): number[] => {
    const outputs = shape[axis]!;
    const of = (index: number) => net.tensors[index]!.scale![0]!;
    const usual = ((40 / (74 * 60 * Math.sqrt(K))) * of(output)) / of(input);
    const scales = Array.from({ length: type === "INT8" && random.chance(0.7) ? outputs : 1 }, () =>
      Math.fround(usual * (0.3 + random.unit())),
    );
    const zeros = scales.map(() => 0);
    const middle = type === "UINT8" ? random.int(64, 192) : 0;
    const data8 = constant(
      shape.reduce((a, b) => a * b, 1),
      middle,
    );
    const weights = tensor(shape, { data: data8, scale: scales, zero: zeros.map(() => middle), axis });
    if (shape.length === 2 && random.chance(0.2)) return [input, weights, -1]; // kernels of convolutions want one
    const data = Int32Array.from({ length: outputs }, () => random.int(-4000, 4000));
    const products = scales.map((each) => Math.fround(each * of(input)));
    return [input, weights, tensor([outputs], { type: "INT32", data, scale: products, zero: zeros })];
  };
  /** `padded`: around is a line of zeros, which some of every window has to see. */
  const windowOptions = (sizes: Picture, padded = false) => {
    const least = padded ? 2 : 1;
    const [kernelHeight, kernelWidth] = [random.int(least, 3), random.int(least, 3)];
    const fits = sizes.height >= kernelHeight && sizes.width >= kernelWidth;
    const padding = padded ? 1 : fits ? random.int(0, 1) : 0;
    const [strideY, strideX] = [random.int(1, 2), random.int(1, 2)];
    const out = (size: number, kernel: number, stride: number) =>
      Math.ceil((padding === 1 ? size - kernel + 1 : size) / stride);
    const height = out(sizes.height, kernelHeight, strideY);
    const width = out(sizes.width, kernelWidth, strideX);
    return { kernelHeight, kernelWidth, height, width, options: { padding, strideX, strideY } };
  };
  const convolution = (from: Picture, outputs = random.int(1, 5), keeps = false, padded = false): Picture => {
    const depthwise = !keeps && random.chance(0.3);
    const { kernelHeight, kernelWidth, options, ...size } = keeps
      ? {
          kernelHeight: 3,
          kernelWidth: 1,
          height: from.height,
          width: from.width,
          options: { padding: 0, strideX: 1, strideY: 1 },
        }
      : windowOptions(from, padded);
    const channels = depthwise ? from.channels * random.int(1, 2) : outputs;
    const index = tensor([1, size.height, size.width, channels]);
    const taps = kernelHeight * kernelWidth;
    const inputs = depthwise
      ? filter(from.index, index, [1, kernelHeight, kernelWidth, channels], 3, taps)
      : filter(from.index, index, [channels, kernelHeight, kernelWidth, from.channels], 0, taps * from.channels);
    const all = {
      ...options,
      activation: activation(),
      dilationX: 1,
      dilationY: 1,
      multiplier: channels / from.channels,
    };
    operator(depthwise ? "DEPTHWISE_CONV_2D" : "CONV_2D", inputs, index, all);
    return { index, channels, ...size };
  };
  /** A tensor of the same scale and zero point. */
  const alike = (from: Picture, sizes: Omit<Picture, "index">): Picture => {
    const { scale, zero } = net.tensors[from.index]!;
    const index = tensor([1, sizes.height, sizes.width, sizes.channels], { scale: scale!, zero: zero! });
    return { ...sizes, index };
  };
  const int32 = (shape: number[], ...numbers: number[]): number => {
    const data = numbers.length > 0 && { data: Int32Array.from(numbers) };
    return tensor(shape, { type: "INT32", scale: [], zero: [], ...data });
  };
  const integers = (...numbers: number[]): number => int32([numbers.length], ...numbers);
  const LAYERS: ((from: Picture) => Picture)[] = [
    convolution,
    convolution,
    (from) => {
      const { kernelHeight: height, kernelWidth: width, options, ...size } = windowOptions(from);
      const max = random.chance(0.5) || options.padding === 0;
      const to = alike(from, { ...size, channels: from.channels });
      const all = { ...options, height, width, activation: activation() };
      operator(max ? "MAX_POOL_2D" : "AVERAGE_POOL_2D", [from.index], to.index, all);
      return to;
    },
    (from) => {
      const other = random.chance(0.5) ? convolution(from, from.channels, true) : from;
      const index = tensor([1, from.height, from.width, from.channels]);
      operator("ADD", random.chance(0.5) ? [from.index, other.index] : [other.index, from.index], index, {
        activation: activation(),
      });
      return { ...from, index };
    },
    (from) => {
      const to = alike(from, { ...from, channels: 2 * from.channels });
      operator("CONCATENATION", [from.index, from.index], to.index, { axis: 3 });
      return to;
    },
    (from) => {
      const index = tensor([1, from.height, from.width, from.channels]);
      operator(random.pick(["QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "TANH"]), [from.index], index);
      return { ...from, index };
    },
    (from) => {
      const shape = [1, from.height, from.width, from.channels];
      const index = tensor(shape, { scale: [1 / 256], zero: [random.chance(0.5) ? min : zero()] });
      operator("LOGISTIC", [from.index], index);
      return { ...from, index };
    },
    (from) => {
      const axes = random.pick([[1, 2], [-2, -3], [1], [2]]);
      const height = axes.includes(1) || axes.includes(-3) ? 1 : from.height;
      const width = axes.includes(2) || axes.includes(-2) ? 1 : from.width;
      const index = tensor([1, height, width, from.channels]);
      operator("MEAN", [from.index, integers(...axes)], index, { keepDims: 1 });
      return { ...from, height, width, index };
    },
    (from) => {
      const { index: wide } = alike(from, from);
      net.tensors[wide]!.shape.splice(1, 0, 1);
      operator("EXPAND_DIMS", [from.index, integers(random.pick([1, -4]))], wide);
      const to = alike(from, from);
      operator("SQUEEZE", [wide], to.index, { axes: [random.pick([1, -4])] });
      return to;
    },
    (from) => {
      const [strideY, strideX] = [random.int(1, 3), random.int(1, 3)];
      const height = Math.ceil(from.height / strideY);
      const to = alike(from, { ...from, height, width: Math.ceil(from.width / strideX) });
      const ends = random.pick([
        [1, from.height, from.width, from.channels],
        [9, 9, 9, 99],
      ]);
      const operands = [integers(0, 0, 0, 0), integers(...ends), integers(1, strideY, strideX, 1)];
      operator("STRIDED_SLICE", [from.index, ...operands], to.index, { beginMask: random.int(0, 15) });
      return to;
    },
    (from) => {
      const to = alike(from, { ...from, height: from.height + 2, width: from.width + 2 });
      const data = Int32Array.of(0, 0, 1, 1, 1, 1, 0, 0);
      operator("PAD", [from.index, tensor([4, 2], { type: "INT32", data })], to.index);
      return convolution(to, 2, false, true);
    },
  ];

  /** The shape [batch, count] as files compute it that take any batch. */
  const batchAnd = (count: number): number => {
    const sizes = operator("SHAPE", [picture.index], int32([4]), { type: 2 });
    const cut = [integers(0), integers(1), integers(1)];
    const batch = operator("STRIDED_SLICE", [sizes, ...cut], int32([]), { shrinkMask: 1 });
    return operator("PACK", [batch, int32([], count)], int32([2]), { count: 2, axis: 0 });
  };

  let picture: Picture = { index: 0, height: random.int(2, 6), width: random.int(2, 6), channels: random.int(1, 3) };
  if (random.chance(0.15)) {
    tensor([1, picture.channels, picture.height, picture.width]);
    const to = alike(picture, picture);
    operator("TRANSPOSE", [0, integers(0, 2, 3, 1)], to.index);
    picture = to;
  } else tensor([1, picture.height, picture.width, picture.channels]);
  for (let layers = random.int(1, 4); layers > 0; layers--) picture = random.pick(LAYERS)(picture);
  let last = picture.index;
  if (random.chance(0.6)) {
    const count = picture.height * picture.width * picture.channels;
    if (random.chance(0.3)) {
      const permutation = random.pick([
        [0, 3, 1, 2],
        [0, 2, 1, 3],
        [0, 3, 2, 1],
      ]);
      const { index } = alike(picture, picture);
      const { shape } = net.tensors[index]!;
      net.tensors[index]!.shape = permutation.map((axis) => shape[axis]!);
      picture = { ...picture, index: operator("TRANSPOSE", [picture.index, integers(...permutation)], index) };
    }
    const { index: flat } = alike(picture, picture);
    net.tensors[flat]!.shape = [1, count];
    operator(
      "RESHAPE",
      [picture.index, random.chance(0.7) ? integers(random.pick([-1, 1]), count) : batchAnd(count)],
      flat,
    );
    const classes = random.int(1, 6);
    last = tensor([1, classes]);
    operator("FULLY_CONNECTED", filter(flat, last, [classes, count], 0, count), last, { activation: activation() });
    if (random.chance(0.3)) {
      const scores = tensor([1, classes], { scale: [1 / 256], zero: [min] });
      last = operator("SOFTMAX", [last], scores, { beta: random.pick([1, 0.5]) });
    }
  }
  net.outputs = [last];
  return net;
}

/** Whether `--kernels tflm` takes a net; its RELU6 would have to keep the scale. */
export function isOfTflm({ tensors, operators }: Net): boolean {
  const lacks = new Set(["RELU_N1_TO_1", "RELU6", "LOGISTIC", "TANH"]);
  return tensors[0]!.type === "INT8" && !operators.some(({ op }) => lacks.has(op));
}

/** Random codes for rows of a net's input. */
export function randomRows(net: Net, rows: number, seed: number): Int8Array | Uint8Array {
  const random = new Random(seed);
  const { shape, type } = net.tensors[net.inputs[0]!]!;
  const length = rows * shape.reduce((a, b) => a * b, 1);
  const [min, max] = type === "UINT8" ? [0, 255] : [-128, 127];
  const code = () => random.pick([min, max, random.int(min, max), random.int(min, max)]);
  return type === "UINT8" ? Uint8Array.from({ length }, code) : Int8Array.from({ length }, code);
}

/** Rows of a file in the order in which a graph takes them: the channels of each position together. */
export function positionsFirst({ shape, layout }: GraphInput, rows: Float32Array): Float32Array {
  if (layout !== "chw") return rows;
  const [channels, ...sizes] = shape as [number, ...number[]];
  const positions = sizes.reduce((a, b) => a * b, 1);
  return rows.map((_, i) => {
    const [position, c] = [Math.floor(i / channels), i % channels];
    return rows[(Math.floor(position / positions) * channels + c) * positions + (position % positions)]!;
  });
}
