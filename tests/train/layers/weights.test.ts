import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { measuredScale, type WholeQuantizer, wholeQuantizer } from "../../../host/checkpoint/arch/quantize.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { roundHalfEven } from "../../../host/numbers/round.ts";
import { binarize } from "../../../tools/train/layers/binarize.ts";
import { quantizeWeights } from "../../../tools/train/layers/weights.ts";

beforeAll(async () => {
  await init("wasm");
});

const never = () => undefined;
const [OUTPUTS, INPUTS] = [3, 8];

const QUANTIZERS: WholeQuantizer[] = [
  wholeQuantizer("ternary", ""),
  wholeQuantizer({ as: "ternary", scale: "absmean", per: "channel" }, ""),
  wholeQuantizer({ as: "ternary", scale: 0.25, per: undefined }, ""),
  wholeQuantizer("binary", ""),
  wholeQuantizer({ as: "binary", scale: "absmean", per: "tensor" }, ""),
  wholeQuantizer({ as: "binary", scale: "absmean", per: "channel" }, ""),
  wholeQuantizer(2, ""),
  wholeQuantizer({ as: 3, scale: "absmax", per: "channel" }, ""),
  wholeQuantizer(4, ""),
  wholeQuantizer({ as: 8, scale: "absmax", per: "channel" }, ""),
];

/** The definition (docs/arch.md), in float64. */
function defined(weights: Float64Array, quantizer: WholeQuantizer): { codes: number[]; scales: number[] } {
  const { as, scale } = quantizer;
  const scales = typeof scale === "number" ? [scale] : [...measuredScale(weights, OUTPUTS, quantizer)];
  const codes = Array.from(weights, (w, i) => {
    const s = scales[scales.length === 1 ? 0 : Math.floor(i / INPUTS)]!;
    if (as === "binary") return w >= 0 ? 1 : -1;
    const limit = as === "ternary" ? 1 : 2 ** ((as as number) - 1) - 1;
    return Math.min(Math.max(roundHalfEven(w / s), -limit), limit);
  });
  return { codes, scales };
}

describe.each(QUANTIZERS)("$as, $scale, per $per", (quantizer) => {
  const next = mulberry32(7);
  const weights = Float32Array.from({ length: OUTPUTS * INPUTS }, () => 3 * next() - 1.5);
  const array = () => np.array(weights, { shape: [OUTPUTS, INPUTS] });
  const expected = defined(Float64Array.from(weights), quantizer);

  it("gives the codes and the scale of the definition", () => {
    const { codes, scale } = quantizeWeights(array(), quantizer, binarize, never);
    expect((codes.js() as number[][]).flat().map((code) => code + 0)).toEqual(expected.codes.map((code) => code + 0));
    const scales = scale.js() as number[];
    expect(scales).toHaveLength(expected.scales.length);
    for (const [i, s] of scales.entries()) expect(s / expected.scales[i]!).toBeCloseTo(1, 6);
  });

  it("passes the gradient of real values straight through, of ±1 where |w| ≤ 1", () => {
    const sum = (w: np.Array) => {
      const { codes, scale } = quantizeWeights(w, quantizer, binarize, never);
      return codes.transpose().mul(scale).sum();
    };
    const gradient = (grad(sum)(array()).js() as number[][]).flat();
    const passes = Array.from(weights, (w) => (quantizer.as === "binary" && Math.abs(w) > 1 ? 0 : 1));
    for (const [i, g] of gradient.entries()) expect(g).toBeCloseTo(passes[i]!, 5);
  });

  it("consumes its argument once", () => {
    const argument = array();
    quantizeWeights(argument.ref, quantizer, binarize, never);
    expect(argument.refCount).toBe(1);
  });
});

it("rounds half a scale to the even code, and gives weights that are all 0 the code 0", () => {
  const codes = (weights: number[]) =>
    quantizeWeights(np.array([weights]), wholeQuantizer("ternary", ""), binarize, never).codes.js();
  expect(codes([0.5, -0.5, 1.5, 1.5])).toEqual([[0, 0, 1, 1]]); // the mean of |w| is 1
  expect(codes([0, 0])).toEqual([[0, 0]]);
});

it("leaves float weights as they are", () => {
  const { codes, scale } = quantizeWeights(np.array([[0.3, -2]]), undefined, binarize, never);
  expect(codes.js()).toEqual([[Math.fround(0.3), -2]]);
  expect(scale.js()).toBe(1);
});
