import { describe, expect, it } from "vitest";
import { codeRange, dequantize, type IntQuantizer, type Quantizer, quantize } from "../../host/numbers/quantizer.ts";

const int = (fields: Partial<IntQuantizer>): IntQuantizer => ({
  kind: "int",
  scale: Float64Array.of(0.5),
  zero: Float64Array.of(0),
  bits: 4,
  signed: true,
  narrow: false,
  rounding: "ROUND",
  ...fields,
});

describe("code range", () => {
  it.each([
    [1, true, false, -1, 0],
    [2, true, false, -2, 1],
    [2, true, true, -1, 1],
    [8, true, false, -128, 127],
    [8, true, true, -127, 127],
    [1, false, false, 0, 1],
    [8, false, false, 0, 255],
    [8, false, true, 0, 254],
  ])("%i bits, signed %s, narrow %s: %i … %i", (bits, signed, narrow, min, max) => {
    expect(codeRange(int({ bits, signed, narrow }))).toEqual({ min, max });
  });
});

describe("quantize", () => {
  it.each([
    [0.25, 3], // 0.5 rounds to 0
    [0.75, 5], // 1.5 to 2
    [-0.25, 3],
    [100, 7],
    [-100, -8],
  ])("%d → %i where the zero point 3 is added after rounding", (x, code) => {
    expect(quantize(int({ zero: Float64Array.of(3), roundsFirst: true }), x, 0)).toBe(code);
  });

  it.each([
    [0.25, 0], // ties to even
    [0.75, 2],
    [-0.25, 0],
    [-0.75, -2],
    [100, 7],
    [-100, -8],
    [Infinity, 7],
    [-Infinity, -8],
  ])("%d → %i", (x, code) => {
    expect(quantize(int({}), x, 0)).toBe(code);
  });

  it("adds the zero point before it clamps", () => {
    const quantizer = int({ signed: false, zero: Float64Array.of(3) });
    expect([-2, -1.5, 0, 6, 7].map((x) => quantize(quantizer, x, 0))).toEqual([0, 0, 3, 15, 15]);
    expect(dequantize(quantizer, 15, 0)).toBe(6);
  });

  it("takes the channel's scale and zero point", () => {
    const quantizer = int({ scale: Float64Array.of(1, -2), zero: Float64Array.of(0, 1) });
    expect([0, 1].map((channel) => quantize(quantizer, 4, channel))).toEqual([4, -1]);
  });

  it("gives the sign for bipolar codes, that of zero being +1", () => {
    const quantizer: Quantizer = { kind: "bipolar", scale: Float64Array.of(0.1) };
    expect([-1e-300, -0, 0, 5].map((x) => quantize(quantizer, x, 0))).toEqual([-1, 1, 1, 1]);
  });

  it("passes NaN on", () => {
    expect(quantize(int({}), Number.NaN, 0)).toBeNaN();
    expect(quantize({ kind: "bipolar", scale: Float64Array.of(1) }, Number.NaN, 0)).toBeNaN();
  });
});
