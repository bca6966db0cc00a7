import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import { codeRange, type IntQuantizer, quantize } from "../../../host/numbers/quantizer.ts";
import { quantizeActivations } from "../../../tools/train/layers/quantize.ts";

beforeAll(async () => {
  await init("wasm");
});

const quantizer = (bits: number, signed: boolean, scale: number, zero = 0, narrow = false): IntQuantizer => ({
  ...{ kind: "int", bits, signed, narrow, rounding: "ROUND" },
  ...{ scale: Float64Array.of(scale), zero: Float64Array.of(zero) },
});

const QUANTIZERS: IntQuantizer[] = [
  ...[1, 2, 3, 4, 8].map((bits) => quantizer(bits, false, 0.5)),
  ...[2, 3, 4, 8].map((bits) => quantizer(bits, true, 0.25)),
  quantizer(4, true, 0.25, 0, true),
  quantizer(2, false, 0.5, 1),
  quantizer(8, true, 0.0625, -3),
];

/** Multiples of a sixteenth, ties of every scale among them. */
const X = Array.from({ length: 16 * 24 + 1 }, (_, i) => (i - 16 * 12) / 16);

describe.each(QUANTIZERS)("$bits bits, signed $signed, scale $scale.0, zero $zero.0, narrow $narrow", (quantizer) => {
  const zero = quantizer.zero[0]!;

  it("gives the codes of the node Quant, without their zero point", () => {
    const { codes, scale } = quantizeActivations(np.array(X), quantizer);
    expect((codes.js() as number[]).map((q) => q + 0)).toEqual(X.map((x) => quantize(quantizer, x, 0) - zero + 0));
    expect(scale.js()).toBe(quantizer.scale[0]);
  });

  it("passes the gradient where nothing is clipped", () => {
    const value = (x: np.Array) => {
      const { codes, scale } = quantizeActivations(x, quantizer);
      return codes.mul(scale).sum();
    };
    const { min, max } = codeRange(quantizer);
    const gradients = grad(value)(np.array(X)).js() as number[];
    for (const [i, x] of X.entries()) {
      const q = x / quantizer.scale[0]! + zero;
      if (q !== min && q !== max) expect(gradients[i], `x = ${x}`).toBe(q > min && q < max ? 1 : 0);
    }
  });
});
