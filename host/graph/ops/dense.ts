import { elementCount } from "../../shape.ts";
import { REAL } from "../form.ts";
import type { OpMeaning, Value } from "./meaning.ts";
import { accumulatorScale, scaleSums, type WeightedNode, weightsProblem } from "./weights.ts";

/**
 * Matrix product with constant weights. The input must be codes with one scale for all channels: `carry.ts` takes constants
 * that are added to codes through the layer. A picture is the vector of its positions, one after the other, with the channels of each.
 */
export interface DenseNode extends WeightedNode {
  op: "dense";
}

export const denseMeaning: OpMeaning<DenseNode> = {
  role: "sums",
  readsCodes: true,
  inputs: 1,
  shape: ({ weights }) => ({ height: 1, width: 1, channels: weights.outputs }),
  problem: ({ weights }, [input]) => weightsProblem(weights, elementCount(input!)),
  form: () => REAL,

  evaluate(node, [input], { numbers, channels }) {
    sumProducts(node, input!, numbers);
    return scaleSums(numbers, channels, accumulatorScale(node, input!.form));
  },
};

/** Accumulators: Σ_k weights[m, k] · e[k], exact below 2^53. */
function sumProducts({ weights }: DenseNode, { numbers }: Value, sums: Float64Array): void {
  const { outputs: M, inputs: K } = weights;
  const w = Float64Array.from(weights.codes);
  for (let row = 0; row < sums.length / M; row++) {
    for (let m = 0; m < M; m++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += w[m * K + k]! * numbers[row * K + k]!;
      sums[row * M + m] = sum;
    }
  }
}
