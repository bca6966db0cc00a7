import { expect, it } from "vitest";
import { fixedFactor, MAX_SHIFT, MIN_SHIFT, multiplyFixed } from "../../host/numbers/fixed_point.ts";
import { fixedSoftmax, fixedSoftmaxOf, fixedSoftmaxProblem } from "../../host/numbers/fixed_softmax.ts";
import { softmax } from "../../host/numbers/softmax.ts";
import { once, quantizeMultiplier, twiceRounded } from "../checkpoint/tflite/interpreter.ts";
import { Random } from "../graph/random.ts";

/** Factors: powers of two and their neighbours, and any. */
function randomFactor(random: Random): number {
  const power = 2 ** random.int(-34, 5);
  return random.pick([power, power * (1 - 2 ** -33), power * (1 + 2 ** -30), power * (0.5 + random.unit())]);
}

it("a factor is QuantizeMultiplier's", () => {
  const random = new Random(1);
  for (let i = 0; i < 20_000; i++) {
    const real = randomFactor(random);
    const { multiplier, shift } = fixedFactor(real, "single");
    expect([BigInt(multiplier), BigInt(shift)], `${real}`).toEqual(quantizeMultiplier(real));
  }
  expect(fixedFactor(1, "single")).toMatchObject({ multiplier: 2 ** 30, shift: 1 });
  expect(fixedFactor(2 ** -40, "single")).toMatchObject({ multiplier: 0, shift: 0 });
});

it("a product is MultiplyByQuantizedMultiplier's, rounded once and twice, ties and ends of 32 bits among them", () => {
  const random = new Random(2);
  let negativeTies = 0;
  for (let i = 0; i < 100_000; i++) {
    const real = randomFactor(random);
    const factor = fixedFactor(real, "double");
    if (factor.shift < MIN_SHIFT || factor.shift > MAX_SHIFT) continue;
    const most = 2 ** (31 - Math.max(factor.shift, 0)) - 1;
    const x = random.pick([-most - 1, most, 0, -1, 1, random.int(-most, most), random.int(-2000, 2000)]);
    expect(BigInt(multiplyFixed(x, factor)), `${x} · ${real}`).toBe(twiceRounded(BigInt(x), real));
    expect(BigInt(multiplyFixed(x, { ...factor, rounding: "single" })), `${x} · ${real}`).toBe(once(BigInt(x), real));
    if (x < 0 && (x * real) % 1 === -0.5) negativeTies++;
  }
  expect(negativeTies).toBeGreaterThan(20); // where both roundings differ
});

it("a softmax is within 1/256 of the exact one, and its greatest class is the greatest", () => {
  const random = new Random(3);
  for (let i = 0; i < 2000; i++) {
    const scale = random.scale();
    const fixed = fixedSoftmaxOf(scale, 1);
    expect(fixedSoftmaxProblem(fixed)).toBeUndefined();
    const codes = Float64Array.from({ length: random.int(1, 12) }, () => random.int(0, 255));
    const exact = codes.map((code) => code * scale);
    softmax(exact);
    const found = codes.slice();
    fixedSoftmax(found, fixed);
    for (const [c, p] of found.entries())
      expect(Math.abs(p - Math.min(exact[c]!, 255 / 256))).toBeLessThanOrEqual(1 / 256);
    expect(found[codes.indexOf(Math.max(...codes))]).toBe(Math.max(...found));
  }
});

// what ai-edge-litert 2.3.0 gives with its reference kernels, tests/oracle has more
it.each<[number, number[], number[]]>([
  [0.1, [0, 10, -20, 35, 34], [4, 10, 1, 127, 115]],
  [0.1, [-128, 127, 126, 0, -1], [0, 134, 122, 0, 0]],
  [0.02, [0, 10, -20, 35, 34], [37, 45, 25, 75, 73]],
  [0.02, [-128, 127, 126, 0, -1], [1, 119, 117, 9, 9]],
  [1.5, [0, 10, -20, 35, 34], [0, 0, 0, 209, 47]],
  [1.5, [5, 5, 5, 5, 5], [51, 51, 51, 51, 51]],
])("softmax of codes of scale %d: %j", (scale, codes, expected) => {
  const found = Float64Array.from(codes);
  fixedSoftmax(found, fixedSoftmaxOf(scale, 1));
  expect(Array.from(found, (p) => p * 256)).toEqual(expected);
});
