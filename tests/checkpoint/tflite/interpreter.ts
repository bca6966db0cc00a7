import type { Kernels } from "../../../host/checkpoint/tflite/kernels.ts";
import type { Net, NetTensor } from "./build.ts";

/** Codes of int8 or uint8. */
type Codes = Int16Array;

/**
 * What TensorFlow Lite's reference kernels compute, or those of tflite-micro, in their own order and arithmetic: loops over codes, and int32 and int64 by BigInt. Every tensor of
 * the net for one row of its input, by index. SOFTMAX, whose fixed point has tests of its own, is left out.
 */
export function interpret(net: Net, input: ArrayLike<number>, kernels: Kernels = "litert"): Map<number, Codes> {
  const values = new Map<number, Codes>([[net.inputs[0]!, Int16Array.from(input)]]);
  for (const operator of net.operators) {
    const run = OPS[operator.op];
    if (!run) continue;
    const operands = operator.inputs.map((i) => ({ ...net.tensors[i]!, codes: values.get(i) ?? new Int16Array() }));
    const output = net.tensors[operator.outputs[0]!]!;
    values.set(
      operator.outputs[0]!,
      run((operator.options ?? {}) as Options, operands as [Operand, Operand, Operand, Operand], output, kernels),
    );
  }
  return values;
}

type Operand = NetTensor & { codes: Codes };
/** No kernel here has options that are vectors. */
type Options = Record<string, number>;

const OPS: Record<
  string,
  (options: Options, operands: [Operand, Operand, Operand, Operand], output: NetTensor, kernels: Kernels) => Codes
> = {
  CONV_2D: (options, operands, output) => convolve(options, operands, output, false),
  DEPTHWISE_CONV_2D: (options, operands, output) => convolve(options, operands, output, true),

  FULLY_CONNECTED({ activation = 0 }, [input, weights, bias], output, kernels) {
    const rounded = kernels === "tflm" ? twiceRounded : once;
    const [M, K] = weights.shape as [number, number];
    const perChannel = weights.scale!.length > 1;
    return Int16Array.from({ length: M }, (_, m) => {
      let sum = BigInt((bias?.data as Int32Array | undefined)?.[m] ?? 0);
      for (let k = 0; k < K; k++)
        sum += BigInt(input.codes[k]! - input.zero![0]!) * BigInt(weights.data![m * K + k]! - weights.zero![0]!);
      const scale = perChannel
        ? f32(input.scale![0]!) * f32(weights.scale![m]!)
        : f32(f32(input.scale![0]!) * f32(weights.scale![0]!));
      return finish(rounded(sum, scale / f32(output.scale![0]!)), output, activation);
    });
  },

  AVERAGE_POOL_2D(options, [input], output) {
    return pool(options, input, output, (codes) => {
      const [sum, count] = [codes.reduce((a, b) => a + b, 0), codes.length];
      return Math.trunc((sum > 0 ? sum + Math.floor(count / 2) : sum - Math.floor(count / 2)) / count);
    });
  },

  MAX_POOL_2D: (options, [input], output) => pool(options, input, output, (codes) => Math.max(...codes)),

  ADD({ activation = 0 }, [a, b], output) {
    const twice = 2 * Math.max(f32(a.scale![0]!), f32(b.scale![0]!));
    const scaled = ({ codes, scale, zero }: Operand, i: number) =>
      twiceRounded(BigInt(codes[i]! - zero![0]!) << 20n, f32(scale![0]!) / twice);
    return a.codes.map((_, i) =>
      finish(twiceRounded(scaled(a, i) + scaled(b, i), twice / (2 ** 20 * f32(output.scale![0]!))), output, activation),
    );
  },

  CONCATENATION(_, operands) {
    const channels = operands.map(({ shape }) => shape.at(-1)!);
    const positions = operands[0].codes.length / channels[0]!;
    const joined = Array.from({ length: positions }, (_, p) =>
      operands.flatMap(({ codes }, i) => [...codes.subarray(p * channels[i]!, (p + 1) * channels[i]!)]),
    );
    return Int16Array.from(joined.flat());
  },

  PAD(_, [input, paddings], output) {
    const [, height, width, channels] = input.shape as [number, number, number, number];
    const [, outHeight, outWidth] = output.shape as [number, number, number, number];
    const [top, left] = [paddings.data![2]!, paddings.data![4]!];
    return Int16Array.from({ length: outHeight * outWidth * channels }, (_, i) => {
      const position = Math.floor(i / channels);
      const [y, x] = [Math.floor(position / outWidth) - top, (position % outWidth) - left];
      const isInside = y >= 0 && y < height && x >= 0 && x < width;
      return isInside ? input.codes[(y * width + x) * channels + (i % channels)]! : input.zero![0]!;
    });
  },

  RESHAPE: (_, [input]) => input.codes,
  SQUEEZE: (_, [input]) => input.codes,
  EXPAND_DIMS: (_, [input]) => input.codes,

  TRANSPOSE(_, [input, permutation], output) {
    const to = Array.from(permutation.data!);
    return Int16Array.from(input.codes, (_, i) => {
      const at = indicesOf(i, output.shape);
      return input.codes[
        indexOf(
          input.shape.map((_, axis) => at[to.indexOf(axis)]!),
          input.shape,
        )
      ]!;
    });
  },

  STRIDED_SLICE({ shrinkMask = 0 }, [input, begin, , strides], output) {
    if (shrinkMask !== 0) return input.codes; // of a shape
    const length = output.shape.reduce((a, b) => a * b, 1);
    return Int16Array.from({ length }, (_, i) => {
      const at = indicesOf(i, output.shape).map((at, axis) => begin.data![axis]! + at * strides!.data![axis]!);
      return input.codes[indexOf(at, input.shape)]!;
    });
  },

  MEAN(_, [input, axes], output) {
    const [, height, width, channels] = input.shape as [number, number, number, number];
    const over = Array.from(axes.data!, (axis) => (axis < 0 ? axis + 4 : axis));
    const [lines, columns] = [over.includes(1) ? height : 1, over.includes(2) ? width : 1];
    const count = BigInt(lines * columns);
    let [multiplier, shift] = quantizeMultiplier(f32(input.scale![0]!) / f32(output.scale![0]!));
    let bits = BigInt(count.toString(2).length - 1);
    if (bits > 31n + shift) bits = 31n + shift;
    [multiplier, shift] = [(multiplier << bits) / count, shift - bits];
    const [left, right] = shift > 0n ? [shift, 0n] : [0n, -shift];
    const outWidth = width / columns;
    return Int16Array.from({ length: (height / lines) * outWidth * channels }, (_, i) => {
      const [oy, ox] = [Math.floor(i / channels / outWidth), Math.floor(i / channels) % outWidth];
      let sum = 0n;
      for (let y = 0; y < lines; y++) {
        for (let x = 0; x < columns; x++) {
          sum += BigInt(input.codes[((oy + y) * width + ox + x) * channels + (i % channels)]! - input.zero![0]!);
        }
      }
      return finish(roundingDivideByPot(saturatingRoundingDoublingHighMul(sum << left, multiplier), right), output, 0);
    });
  },

  RELU: (_, [input], output) => relu(input, output, 1),
  RELU_N1_TO_1: (_, [input], output) => relu(input, output, 2),
  RELU6: (_, [input], output) => relu(input, output, 3),

  LOGISTIC: (_, [input], output) => table(input, output, (x) => f32(1 / f32(1 + f32(Math.exp(-x))))),
  TANH: (_, [input], output) => table(input, output, (x) => f32(Math.tanh(x))),

  QUANTIZE(_, [input], output) {
    const scale = f32(input.scale![0]!) / f32(output.scale![0]!);
    return input.codes.map((q) => finish(twiceRounded(BigInt(q - input.zero![0]!), scale), output, 0));
  },
};

/** Indices along the axes of a shape of the element that so many are before, and the reverse. */
function indicesOf(i: number, shape: readonly number[]): number[] {
  return shape.map((size, axis) => Math.floor(i / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % size);
}

function indexOf(indices: readonly number[], shape: readonly number[]): number {
  return indices.reduce((i, at, axis) => i * shape[axis]! + at, 0);
}

function relu(input: Operand, output: NetTensor, activation: number): Codes {
  const scale = f32(f32(input.scale![0]!) / f32(output.scale![0]!));
  return input.codes.map((q) => finish(twiceRounded(BigInt(q - input.zero![0]!), scale), output, activation));
}

function table(input: Operand, output: NetTensor, f: (x: number) => number): Codes {
  const inverse = f32(1 / f32(output.scale![0]!));
  return input.codes.map((q) => {
    const rescaled = f32(f(f32(f32(input.scale![0]!) * (q - input.zero![0]!))) * inverse);
    return clamp(Math.sign(rescaled) * Math.floor(Math.abs(rescaled) + 0.5) + output.zero![0]!, output, 0);
  });
}

function convolve(
  options: Options,
  [input, filter, bias]: [Operand, Operand, Operand, Operand],
  output: NetTensor,
  depthwise: boolean,
) {
  const { strideX = 1, strideY = 1, dilationX = 1, dilationY = 1, activation = 0 } = options;
  const [, height, width, channels] = input.shape as [number, number, number, number];
  const [, outHeight, outWidth, outputs] = output.shape as [number, number, number, number];
  const [, kernelHeight, kernelWidth, own] = filter.shape as [number, number, number, number];
  const top = before(options, height, outHeight, strideY, (kernelHeight - 1) * dilationY + 1);
  const left = before(options, width, outWidth, strideX, (kernelWidth - 1) * dilationX + 1);
  const codes = new Int16Array(outHeight * outWidth * outputs);
  for (let i = 0; i < codes.length; i++) {
    const m = i % outputs;
    const [oy, ox] = [Math.floor(i / outputs / outWidth), Math.floor(i / outputs) % outWidth];
    let sum = BigInt((bias?.data as Int32Array | undefined)?.[m] ?? 0);
    for (let ky = 0; ky < kernelHeight; ky++) {
      for (let kx = 0; kx < kernelWidth; kx++) {
        const [y, x] = [oy * strideY - top + ky * dilationY, ox * strideX - left + kx * dilationX];
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        for (let c = 0; c < (depthwise ? 1 : own); c++) {
          const from = depthwise
            ? Math.floor(m / (outputs / channels))
            : c + Math.floor(m / (outputs / (channels / own))) * own;
          const weight = depthwise
            ? filter.data![(ky * kernelWidth + kx) * outputs + m]!
            : filter.data![((m * kernelHeight + ky) * kernelWidth + kx) * own + c]!;
          sum +=
            BigInt(input.codes[(y * width + x) * channels + from]! - input.zero![0]!) *
            BigInt(weight - filter.zero![0]!);
        }
      }
    }
    const weightScale = f32(filter.scale![filter.scale!.length === 1 ? 0 : m]!);
    const product = f32(input.scale![0]!) * weightScale;
    const scale = (input.type === "UINT8" ? f32(product) : product) / f32(output.scale![0]!);
    codes[i] = finish(twiceRounded(sum, scale), output, activation);
  }
  return codes;
}

function pool(options: Options, input: Operand, output: NetTensor, of: (codes: number[]) => number): Codes {
  const { strideX = 1, strideY = 1, width: kernelWidth = 1, height: kernelHeight = 1, activation = 0 } = options;
  const [, height, width, channels] = input.shape as [number, number, number, number];
  const [, outHeight, outWidth] = output.shape as [number, number, number, number];
  const top = before(options, height, outHeight, strideY, kernelHeight);
  const left = before(options, width, outWidth, strideX, kernelWidth);
  return Int16Array.from({ length: outHeight * outWidth * channels }, (_, i) => {
    const [oy, ox] = [Math.floor(i / channels / outWidth), Math.floor(i / channels) % outWidth];
    const codes: number[] = [];
    for (let y = oy * strideY - top; y < oy * strideY - top + kernelHeight; y++) {
      for (let x = ox * strideX - left; x < ox * strideX - left + kernelWidth; x++) {
        if (y >= 0 && y < height && x >= 0 && x < width)
          codes.push(input.codes[(y * width + x) * channels + (i % channels)]!);
      }
    }
    return clamp(of(codes), output, activation);
  });
}

/** Rows or columns of padding before the picture. */
function before({ padding = 0 }: Options, size: number, outputs: number, stride: number, kernel: number): number {
  return padding === 1 ? 0 : Math.floor(Math.max(0, (outputs - 1) * stride + kernel - size) / 2);
}

const f32 = Math.fround;

function finish(x: bigint, output: NetTensor, activation: number): number {
  return clamp(Number(x) + output.zero![0]!, output, activation);
}

/** NONE, RELU, RELU_N1_TO_1, RELU6. */
function clamp(q: number, { type, scale, zero }: NetTensor, activation: number): number {
  const [low, high] = [
    [-Infinity, Infinity],
    [0, Infinity],
    [-1, 1],
    [0, 6],
  ][activation]!;
  const code = (x: number) => {
    const quotient = f32(x / f32(scale![0]!));
    return zero![0]! + Math.sign(quotient) * Math.floor(Math.abs(quotient) + 0.5);
  };
  const [min, max] = type === "UINT8" ? [0, 255] : [-128, 127];
  return Math.min(Math.max(q, min, code(low!)), max, code(high!));
}

/** QuantizeMultiplier: the 31 bits behind the point of a number's mantissa, and its exponent. */
export function quantizeMultiplier(real: number): [multiplier: bigint, shift: bigint] {
  if (real === 0) return [0n, 0n];
  let [mantissa, shift] = [real, 0n];
  for (; mantissa >= 1; shift++) mantissa /= 2;
  for (; mantissa < 0.5; shift--) mantissa *= 2;
  let multiplier = BigInt(Math.round(mantissa * 2 ** 31));
  if (multiplier === 1n << 31n) [multiplier, shift] = [1n << 30n, shift + 1n];
  return shift < -31n ? [0n, 0n] : [multiplier, shift];
}

/** MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING. */
export function once(x: bigint, real: number): bigint {
  const [multiplier, shift] = quantizeMultiplier(real);
  const total = 31n - shift;
  return (x * multiplier + (1n << (total - 1n))) >> total;
}

/** MultiplyByQuantizedMultiplier without it. */
export function twiceRounded(x: bigint, real: number): bigint {
  const [multiplier, shift] = quantizeMultiplier(real);
  const [left, right] = shift > 0n ? [shift, 0n] : [0n, -shift];
  return roundingDivideByPot(saturatingRoundingDoublingHighMul(x << left, multiplier), right);
}

/** As gemmlowp has it, with C++'s division, which truncates as BigInt's does. */
function saturatingRoundingDoublingHighMul(a: bigint, b: bigint): bigint {
  const product = a * b;
  const nudge = product >= 0n ? 1n << 30n : 1n - (1n << 30n);
  return (product + nudge) / (1n << 31n);
}

function roundingDivideByPot(x: bigint, exponent: bigint): bigint {
  const mask = (1n << exponent) - 1n;
  const remainder = x & mask;
  const threshold = (mask >> 1n) + (x < 0n ? 1n : 0n);
  return (x >> exponent) + (remainder > threshold ? 1n : 0n);
}
