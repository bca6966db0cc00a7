import { WEIGHTS } from "../../host/blob/pack/pack.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import type { WeightDtype } from "../../host/program.ts";
import type { Effort, Timing, Work } from "./timing.ts";

/** The task: y = W · x for every row of x, in floats, with given weights W[m, k] = codes[m, k] · WEIGHT_SCALE. */
export interface Matmul {
  dtype: WeightDtype;
  M: number;
  K: number;
  /** (M, K), row-major. */
  codes: Int8Array;
  /** (rows, K). */
  x: Float32Array;
}

export const WEIGHT_SCALE = 1 / 64;

/** Something that solves a task for the first `rows` rows of its x, on one thread. */
export interface Solver {
  /** Reads the floats x and writes the floats y, with all that it takes between them. */
  run: Work;
  /** (rows, M), of the last run. */
  y(): Float32Array;
  weightBytes: number;
  /** Times `run` where that is done better than from here, in a process of its own. */
  measure?(effort: Effort): Promise<Timing>;
  dispose(): void | Promise<void>;
}

/** A task of random weights and x uniform in [−1, 1]; the same for the same dtype and sizes. */
export function randomMatmul(dtype: WeightDtype, M: number, K: number, rows: number): Matmul {
  const next = mulberry32(M + K);
  const x = Float32Array.from({ length: rows * K }, () => 2 * next() - 1);
  return { dtype, M, K, codes: Int8Array.from({ length: M * K }, randomWeight(dtype, next)), x };
}

/** Draws weights of a dtype. */
export function randomWeight(dtype: WeightDtype, next: () => number): () => number {
  const { min, max } = WEIGHTS[dtype];
  return dtype === "binary" ? () => (next() < 0.5 ? -1 : 1) : () => min + Math.floor(next() * (max - min + 1));
}

/** Codes times WEIGHT_SCALE. */
export function floatWeights({ codes }: Matmul): Float32Array {
  return Float32Array.from(codes, (code) => code * WEIGHT_SCALE);
}

/** One row of what y should be, in float64. */
export function exactRow({ M, K, codes, x }: Matmul, row: number): Float64Array {
  const y = new Float64Array(M);
  for (let m = 0; m < M; m++) {
    let sum = 0;
    for (let k = 0; k < K; k++) sum += codes[m * K + k]! * x[row * K + k]!;
    y[m] = sum * WEIGHT_SCALE;
  }
  return y;
}

/** Root mean square of y's error, in that of what y should be: over the first and the last row. */
export function relativeError(matmul: Matmul, y: Float32Array): number {
  const { M } = matmul;
  let error = 0;
  let size = 0;
  for (const row of [0, y.length / M - 1]) {
    exactRow(matmul, row).forEach((exact, m) => {
      error += (y[row * M + m]! - exact) ** 2;
      size += exact ** 2;
    });
  }
  return Math.sqrt(error / size);
}
