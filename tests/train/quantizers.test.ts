import { grad, init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import {
  binaryWeights,
  type Quantized,
  quantizedRelu,
  reluScale,
  signActivation,
  ternaryWeights,
} from "../../tools/train/quantizers.ts";

beforeAll(async () => {
  await init("wasm");
});

const WEIGHTS = [0.6, -0.2, 0.05, -1.1, 0.3, -0.35, 0, 0.9]; // mean |w| = 0.4375

interface Case {
  title: string;
  quantize(x: np.Array): Quantized;
  x: number[];
  codes: number[];
  scale: number;
  /** Of the sum of codes · scale, with respect to x. */
  gradient: number[];
}

const CASES: Case[] = [
  {
    title: "ternary weights",
    quantize: ternaryWeights,
    x: WEIGHTS,
    codes: [1, 0, 0, -1, 1, -1, 0, 1],
    scale: 0.4375,
    gradient: [1, 1, 1, 1, 1, 1, 1, 1],
  },
  {
    title: "ternary weights at half the scale, which rounds to the even 0",
    quantize: ternaryWeights,
    x: [0.5, -0.5, 1.5, 1.5],
    codes: [0, 0, 1, 1],
    scale: 1,
    gradient: [1, 1, 1, 1],
  },
  {
    title: "ternary weights that are all zero",
    quantize: ternaryWeights,
    x: [0, 0],
    codes: [0, 0],
    scale: Math.fround(1e-5),
    gradient: [1, 1],
  },
  {
    title: "binary weights",
    quantize: binaryWeights,
    x: WEIGHTS,
    codes: [1, -1, 1, -1, 1, -1, 1, 1],
    scale: 0.4375,
    gradient: [1, 1, 1, 1, 1, 1, 1, 1],
  },
  {
    title: "2-bit ReLU",
    quantize: (x) => quantizedRelu(x, 2),
    x: [-1, 0.2, 0.25, 0.3, 0.75, 1.4, 1.6, 9],
    codes: [0, 0, 0, 1, 2, 3, 3, 3],
    scale: 0.5,
    gradient: [0, 1, 1, 1, 1, 1, 0, 0],
  },
  {
    title: "sign",
    quantize: signActivation,
    x: [-2, -0.5, 0, 0.5, 2],
    codes: [-1, -1, 1, 1, 1],
    scale: 1,
    gradient: [0, 1, 1, 1, 0],
  },
];

describe.each(CASES)("$title", ({ quantize, x, codes, scale, gradient }) => {
  it("gives codes and a scale", () => {
    const quantized = quantize(np.array(x));
    expect(quantized.codes.js()).toEqual(codes);
    expect(quantized.scale.js()).toBe(scale);
  });

  it("passes the gradient straight through", () => {
    const sum = (x: np.Array) => {
      const quantized = quantize(x);
      return quantized.codes.mul(quantized.scale).sum();
    };
    expect(grad(sum)(np.array(x)).js()).toEqual(gradient);
  });

  it("consumes its argument once", () => {
    const argument = np.array(x);
    quantize(argument.ref);
    expect(argument.refCount).toBe(1);
  });
});

it.each([1, 2, 3, 4, 5, 6, 7, 8])("a %i-bit ReLU has 2^bits codes over [0, 2)", (bits) => {
  const { codes } = quantizedRelu(np.linspace(-1, 3, 4097), bits);
  const distinct = new Set(codes.js() as number[]);
  expect([...distinct]).toEqual(Array.from({ length: 2 ** bits }, (_, code) => code));
  expect(2 ** bits * reluScale(bits)).toBe(2);
});
