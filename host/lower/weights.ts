import { UnsupportedError } from "../base/errors.ts";
import { inputChannelOf, type WeightedNodes } from "../graph/ops/weighted.ts";
import { smallestDtype } from "../graph/ops/weights.ts";
import { at } from "../numbers/quantizer.ts";
import type { WeightDtype } from "../program.ts";

/** Accumulators lie below the mark of unused thresholds, 2^31 − 1. */
const MAX_ACCUMULATOR = 2 ** 31 - 2;

/** Whether a sum fits 32 bits. */
export function isAccumulator(sum: number): boolean {
  return sum >= -(2 ** 31) && sum <= MAX_ACCUMULATOR;
}

/** The smallest dtype that holds all weights of a node. */
export function weightDtype({ op, name, weights }: WeightedNodes): WeightDtype {
  const { outputs, inputs, codes } = weights;
  const dtype = smallestDtype(codes);
  if (dtype) return dtype;
  const why = `the codes of its weights "${weights.name}" leave −128 … 127`;
  const instead = "weights of at most 8 bits, signed";
  throw new UnsupportedError([{ node: name, op, shape: `[${outputs}, ${inputs}]`, why, instead }]);
}

/** Proven least and greatest accumulator of each output channel, for stored codes from `min` to `max` in each of `channels`. */
export function accumulatorRange(
  node: WeightedNodes,
  channels: number,
  min: Float64Array,
  max: Float64Array,
): { min: Float64Array; max: Float64Array } {
  const { outputs: M, inputs: K, codes } = node.weights;
  const channelOf = inputChannelOf(node, channels);
  const range = { min: new Float64Array(M), max: new Float64Array(M) };
  for (let m = 0; m < M; m++) {
    for (let k = 0; k < K; k++) {
      const [w, c] = [codes[m * K + k]!, channelOf(m, k)];
      range.min[m]! += w * at(w > 0 ? min : max, c);
      range.max[m]! += w * at(w > 0 ? max : min, c);
    }
    if (!isAccumulator(range.min[m]!) || !isAccumulator(range.max[m]!)) {
      const why = `output channel ${m} sums to ${range.min[m]} … ${range.max[m]}, beyond 32 bits`;
      const instead = "fewer bits or fewer inputs";
      throw new UnsupportedError([{ node: node.name, op: node.op, shape: `[${M}, ${K}]`, why, instead }]);
    }
  }
  return range;
}

/** What is missing from the accumulators of stored codes: Σ_k weights[m, k] · offset of its channel. */
export function accumulatorOffset(node: WeightedNodes, channels: number, offset: readonly number[]): number[] {
  const { outputs: M, inputs: K, codes } = node.weights;
  const channelOf = inputChannelOf(node, channels);
  return Array.from({ length: M }, (_, m) => {
    let sum = 0;
    for (let k = 0; k < K; k++) sum += codes[m * K + k]! * at(offset, channelOf(m, k));
    return sum;
  });
}
