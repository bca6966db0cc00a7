import { at } from "../../numbers/quantizer.ts";
import { type Codes, REAL, scalar } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, type Value, vectorProblem } from "./meaning.ts";

/**
 * Matrix product with constant weights. The input must be codes with one scale for all channels: `carry.ts` takes constants
 * that are added to codes through the layer.
 */
export interface DenseNode extends NodeBase {
  op: "dense";
  weights: Weights;
}

/** Weights as integers: real weight = codes[m · inputs + k] · scale[m]. */
export interface Weights {
  /** Name of the tensor in the checkpoint. */
  name: string;
  /** Output channels M and inputs K. */
  outputs: number;
  inputs: number;
  /** (M, K), row-major, zero point already subtracted. */
  codes: Int32Array;
  /** Length 1 or M. */
  scale: Float64Array;
  /**
   * What the checkpoint held: float weights behind a quantizer that changes them, or that leaves them as they are; integers
   * times a scale; or bare floats without a quantizer, whose grid was found (checkpoint/grid.ts).
   */
  found: "latent" | "on-grid" | "integers" | "bare";
  /** Bits that the checkpoint declares or, where it does not, that its codes need. */
  bits?: number;
}

export const denseMeaning: OpMeaning<DenseNode> = {
  role: "sums",
  readsCodes: true,
  inputs: 1,
  channels: ({ weights }) => weights.outputs,

  problem({ weights }, [input]) {
    const { name, outputs, inputs, codes, scale } = weights;
    if (inputs !== input) return `weights "${name}" have ${inputs} inputs, expected ${input}`;
    if (codes.length !== outputs * inputs)
      return `weights "${name}" hold ${codes.length} codes, expected ${outputs * inputs}`;
    return vectorProblem(`scale of weights "${name}"`, scale, outputs, Number.isFinite, "finite numbers");
  },

  form: () => REAL,

  evaluate(node, [input], output) {
    sumProducts(node, input!, output.numbers);
    const sums = output.numbers.slice();
    const scale = accumulatorScale(node, input!.form as Codes);
    for (let i = 0; i < sums.length; i++) output.numbers[i]! *= at(scale, i % output.channels);
    return sums;
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

/** Real value of an accumulator's unit: activation scale times weight scale, of length 1 or M. */
export function accumulatorScale({ weights }: DenseNode, input: Codes): Float64Array {
  const activation = scalar(input.scale)!;
  return weights.scale.map((weight) => activation * weight);
}
