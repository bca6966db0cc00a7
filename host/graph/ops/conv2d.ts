import { tapsOf } from "../../window.ts";
import { REAL } from "../form.ts";
import type { OpMeaning, Value } from "./meaning.ts";
import { accumulatorScale, scaleSums, type WeightedNode, weightsProblem } from "./weights.ts";
import { type PaddedWindow, paddedWindowProblem, windowSize } from "./window.ts";

/**
 * Convolution with constant weights, (M, kernel height, kernel width, channels of a group). The input must be codes with one scale for all channels;
 * padding is real 0.
 */
export interface Conv2dNode extends WeightedNode {
  op: "conv2d";
  window: PaddedWindow;
  groups: number;
}

export const conv2dMeaning: OpMeaning<Conv2dNode> = {
  role: "sums",
  readsCodes: true,
  inputs: 1,
  shape: ({ window, weights }, [input]) => ({ ...windowSize(window, input!), channels: weights.outputs }),

  problem({ window, groups, weights }, [input]) {
    const { channels } = input!;
    if (!(groups >= 1 && channels % groups === 0 && weights.outputs % groups === 0)) {
      return `${channels} → ${weights.outputs} channels in ${groups} groups, expected as many in each`;
    }
    const expected = (window.kernelHeight * window.kernelWidth * channels) / groups;
    return paddedWindowProblem(window, input!) ?? weightsProblem(weights, expected);
  },

  form: () => REAL,

  evaluate(node, [input], output) {
    sumProducts(node, input!, output);
    return scaleSums(output.numbers, output.channels, accumulatorScale(node, input!.form));
  },
};

/** Accumulators: Σ weights[m, tap, c] · e[tap, c], exact below 2^53; the code of real 0, outside the input, is 0. */
function sumProducts({ window, groups, weights }: Conv2dNode, input: Value, output: Value): void {
  const { outputs: M, inputs: K } = weights;
  const [w, { numbers, channels }] = [Float64Array.from(weights.codes), input];
  const [size, positions] = [input.height * input.width, output.height * output.width];
  const [own, span] = [input.channels / groups, M / groups];
  for (let p = 0; p < positions; p++) {
    const taps = tapsOf(window, input, Math.floor(p / output.width), p % output.width);
    for (let row = 0; row < output.numbers.length / (positions * M); row++) {
      for (let m = 0; m < M; m++) {
        const first = Math.floor(m / span) * own;
        let sum = 0;
        for (let tap = 0; tap < taps.length; tap++) {
          if (taps[tap]! < 0) continue;
          const at = (row * size + taps[tap]!) * channels + first;
          const weight = m * K + tap * own;
          for (let c = 0; c < own; c++) sum += w[weight + c]! * numbers[at + c]!;
        }
        output.numbers[(row * positions + p) * M + m] = sum;
      }
    }
  }
}
