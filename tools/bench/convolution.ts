import { mulberry32 } from "../../host/numbers/random.ts";
import type { WeightDtype } from "../../host/program.ts";
import { randomWeight, type Solver, WEIGHT_SCALE } from "./matmul.ts";

/** Of a picture whose size stays: odd kernels, padded with 0, of stride 1. */
export interface ConvolutionShape {
  height: number;
  width: number;
  inputs: number;
  outputs: number;
  kernel: number;
}

/** The task: a convolution of a picture of floats x, with weights codes · WEIGHT_SCALE. */
export interface Convolution extends ConvolutionShape {
  dtype: WeightDtype;
  /** (outputs, kernel, kernel, inputs), row-major. */
  codes: Int8Array;
  /** (height, width, inputs). */
  x: Float32Array;
}

/** Somebody else's convolution. y is (height, width, outputs). */
export interface ConvolutionPeer {
  name: string;
  solve(task: Convolution): Promise<Solver>;
}

/** Random weights, and x uniform in [−1, 1]; the same for the same dtype and shape. */
export function randomConvolution(dtype: WeightDtype, shape: ConvolutionShape): Convolution {
  const { height, width, inputs, outputs, kernel } = shape;
  const next = mulberry32(inputs + outputs);
  const x = Float32Array.from({ length: height * width * inputs }, () => 2 * next() - 1);
  const codes = Int8Array.from({ length: outputs * kernel * kernel * inputs }, randomWeight(dtype, next));
  return { ...shape, dtype, codes, x };
}

/** Multiply-accumulates, in 10^6; those with padding too, as whoever counts them does. */
export function workOf({ height, width, inputs, outputs, kernel }: ConvolutionShape): number {
  return (height * width * inputs * outputs * kernel * kernel) / 1e6;
}

/** What y should be at a position, in float64. */
export function exactPosition(task: Convolution, y: number, x: number): Float64Array {
  const { height, width, inputs, outputs, kernel, codes } = task;
  const pad = (kernel - 1) / 2;
  const sums = new Float64Array(outputs);
  for (let m = 0; m < outputs; m++) {
    for (let tap = 0; tap < kernel * kernel; tap++) {
      const [iy, ix] = [y - pad + Math.floor(tap / kernel), x - pad + (tap % kernel)];
      if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
      const [code, from] = [(m * kernel * kernel + tap) * inputs, (iy * width + ix) * inputs];
      for (let c = 0; c < inputs; c++) sums[m]! += codes[code + c]! * task.x[from + c]! * WEIGHT_SCALE;
    }
  }
  return sums;
}

/** Root mean square of y's error, in that of what y should be: at two corners, and inside. */
export function convolutionError(task: Convolution, y: Float32Array): number {
  const { height, width, outputs } = task;
  let [error, size] = [0, 0];
  for (const [row, column] of [
    [0, 0],
    [height >> 1, width >> 2],
    [height - 1, width - 1],
  ] as const) {
    exactPosition(task, row, column).forEach((exact, m) => {
      error += (y[(row * width + column) * outputs + m]! - exact) ** 2;
      size += exact ** 2;
    });
  }
  return Math.sqrt(error / size);
}

/** (positions, channels) → (channels, positions), or back. */
export function transposed<Numbers extends Float32Array | Int8Array>(numbers: Numbers, channels: number): Numbers {
  const positions = numbers.length / channels;
  const result = numbers.slice() as Numbers;
  for (let p = 0; p < positions; p++)
    for (let c = 0; c < channels; c++) result[c * positions + p] = numbers[p * channels + c]!;
  return result;
}

/** Greatest of the numbers, whatever their sign. */
export function greatest(numbers: Float32Array): number {
  return numbers.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
}

/** What y hardly exceeds: for codes of 8 bits of it. Four standard deviations would cut one of 16,000 off. */
export function spreadOf(task: Convolution): number {
  const positions = [[task.height >> 1, task.width >> 1] as const, [task.height >> 2, task.width >> 1] as const];
  const some = positions.flatMap(([y, x]) => [...exactPosition(task, y, x)]);
  return 5 * Math.sqrt(some.reduce((sum, each) => sum + each ** 2, 0) / some.length);
}
