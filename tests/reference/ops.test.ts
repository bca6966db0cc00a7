import { describe, expect, it } from "vitest";
import { fromOrderKey, orderKey } from "../../host/numbers/order.ts";
import { type Facet, leastOf, plane, planeOf } from "../../host/numbers/plane.ts";
import { type Line, requantize, requantizeOf } from "../../host/numbers/requantize.ts";
import type { DenseOp, Requantize, Scores, Thresholds } from "../../host/program.ts";
import { argmax } from "../../host/reference/argmax.ts";
import { dense } from "../../host/reference/dense.ts";
import { lookup } from "../../host/reference/lookup.ts";
import { thresholds } from "../../host/reference/thresholds.ts";
import { smallLine } from "../module/programs.ts";

const UNUSED = 2 ** 31 - 1;

describe("order keys", () => {
  const ascending = [
    -Infinity,
    -3.4028234663852886e38,
    -1,
    -1.401298464324817e-45,
    -0,
    0,
    1.401298464324817e-45,
    1,
    2,
    Infinity,
  ];

  it("sort as the floats do", () => {
    const keys = ascending.map(orderKey);
    expect(keys).toEqual([...keys].sort((a, b) => a - b));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("lie next to each other around zero", () => {
    expect([-1.401298464324817e-45, -0, 0, 1.401298464324817e-45].map(orderKey)).toEqual([-2, -1, 0, 1]);
  });

  it("turn back into the float", () => {
    for (const x of ascending) expect(Object.is(fromOrderKey(orderKey(x)), x)).toBe(true);
  });
});

describe("lookup", () => {
  const table = Int16Array.from({ length: 256 }, (_, byte) => byte - 100);

  it.each([
    ["u8", 0, -100],
    ["u8", 255, 155],
    ["i8", -128, 28],
    ["i8", 0, -100],
    ["i8", -1, 155],
  ] as const)("%s element %i gives %i", (_, element, code) => {
    expect(lookup({ kind: "lookup", table }, element)).toBe(code);
  });
});

describe("thresholds", () => {
  // Record 0 rises at −2 and 5; record 1 falls at 0 and twice at 3; record 2 rises at 1, falls at 9.
  const post: Thresholds = {
    kind: "thresholds",
    records: 3,
    count: 3,
    base: Int16Array.of(0, 7, -1),
    ups: Uint16Array.of(2, 0, 1),
    steps: Int32Array.of(-2, 5, UNUSED, 0, 3, 3, 1, 9, UNUSED),
  };

  it.each([
    [0, -(2 ** 31), 0],
    [0, -3, 0],
    [0, -2, 1],
    [0, 4, 1],
    [0, 5, 2],
    [0, UNUSED - 1, 2],
    [1, -1, 7],
    [1, 0, 6],
    [1, 3, 4],
    [2, 0, -1],
    [2, 1, 0],
    [2, 9, -1],
  ])("record %i at %i gives %i", (channel, x, code) => {
    expect(thresholds(post, channel, x)).toBe(code);
  });

  it("serves all channels from one record", () => {
    expect(thresholds({ ...post, records: 1 }, 2, -2)).toBe(1);
  });
});

describe("plane", () => {
  const post = (facet: Partial<Facet>) => {
    return planeOf([{ multiplier: 1n, second: 4n, offset: 0n, lo: -8, hi: 7, shift: 2, ...facet }]);
  };

  it.each([
    // x, code, (x + 4 · code) / 4, half to even
    [-100, 0, -8],
    [-10, 0, -2], // −2.5
    [-6, 0, -2], // −1.5
    [-3, 0, -1],
    [2, 0, 0], // 0.5
    [2, 1, 2], // 1.5
    [3, 1, 2],
    [2, -2, -2], // −1.5
    [10, 1, 4], // 3.5
    [0, 9, 7],
  ])("of %i and %i is %i", (x, other, code) => {
    expect(plane(post({ offset: 1n }), 0, x, other)).toBe(code);
    expect(plane(post({ offset: 1n, multiplier: -1n, second: -4n }), 0, -x, -other)).toBe(code);
  });

  it("is a floor without what rounds", () => {
    expect([-5, -1, 0, 3, 4].map((x) => plane(post({ shift: 1 }), 0, 2 * x, 0))).toEqual([-5, -1, 0, 3, 4]);
    expect([-8, -4, 4, 6].map((x) => plane(post({}), 0, x, 0))).toEqual([-2, -1, 1, 1]);
  });

  it("wraps the sum to 64 bits, and has a record for each channel or one for all", () => {
    const wide = { multiplier: 2n ** 62n, second: 0n, offset: 0n, lo: -128, hi: 127, shift: 60 };
    expect([1, 2, 3, 4].map((x) => plane(planeOf([wide]), 5, x, 0))).toEqual([4, -8, -4, 0]);
    expect(plane(planeOf([wide, { ...wide, lo: 9 }]), 1, 1, 0)).toBe(9);
  });

  it("has codes that begin at a least integer", () => {
    for (const shift of [1, 2, 40, 62]) {
      for (const code of [-3, -2, -1, 0, 1, 2, 9]) {
        const facet = { multiplier: 1n, second: 0n, lo: -99, hi: 99, shift };
        const at = (y: bigint) => plane(planeOf([{ ...facet, offset: y }]), 0, 0, 0);
        if (shift < 62 || Math.abs(code) < 2)
          expect([at(leastOf(code, shift) - 1n), at(leastOf(code, shift))]).toEqual([code - 1, code]);
      }
    }
  });
});

describe("requantize", () => {
  const range = { lo: -8, hi: 7 };
  const post = (line: Line, rounding: Requantize["rounding"]) => requantizeOf({ ...range, rounding }, [line], false);

  it.each([
    // x, floor(x / 4), half-even(x / 4), half-away(x / 4)
    [-100, -8, -8, -8],
    [-10, -3, -2, -3], // −2.5
    [-7, -2, -2, -2],
    [-6, -2, -2, -2], // −1.5
    [-2, -1, 0, -1], // −0.5
    [-1, -1, 0, 0],
    [0, 0, 0, 0],
    [2, 0, 0, 1], // 0.5
    [3, 0, 1, 1],
    [6, 1, 2, 2], // 1.5
    [10, 2, 2, 3], // 2.5
    [100, 7, 7, 7],
  ])("%i / 4: floor %i, half to even %i, half away from 0 %i", (x, floor, even, away) => {
    expect(requantize(post(smallLine(1, 0, 2), "half-away"), 0, x)).toBe(away);
    const shifted = requantizeOf({ lo: -3, hi: 12, rounding: "half-away", zero: 5 }, [smallLine(1, 0, 2)], false);
    expect(requantize(shifted, 0, x)).toBe(away + 5);
    expect(requantize(post(smallLine(1, 0, 2), "floor"), 0, x)).toBe(floor);
    expect(requantize(post(smallLine(1, 0, 2), "half-even"), 0, x)).toBe(even);
    expect(requantize(post(smallLine(-1, 0, 2), "half-even"), 0, -x)).toBe(even);
  });

  it("does not round without a shift", () => {
    for (const rounding of ["floor", "half-even"] as const) {
      expect([-3, 0, 5].map((x) => requantize(post(smallLine(1, 1, 0), rounding), 0, x))).toEqual([-2, 1, 6]);
    }
  });

  it("is the high half of a product and a sum of 64 bits", () => {
    const most = 2 ** 31 - 1;
    const line = { multiplier: most, offset: 0, low: 0, left: 0, right: 28 };
    expect(requantize(post(line, "floor"), 0, most)).toBe(3); // (2^31 − 1)² / 2^60, just below 4
    expect(requantize(post(line, "half-even"), 0, most)).toBe(4);
    const carried = { multiplier: 1, offset: 0, left: 0, right: 0 };
    expect(requantize(post({ ...carried, low: 0xffff }, "floor"), 0, 0xffff)).toBe(0);
    expect(requantize(post({ ...carried, low: 0xffff }, "floor"), 0, 0x10000)).toBe(1);
  });

  it("wraps the integer and the sum to 32 bits", () => {
    expect(requantize(post({ multiplier: 2 ** 30, offset: 0, low: 0, left: 31, right: 29 }, "floor"), 0, 1)).toBe(-1);
    expect(requantize(post({ multiplier: 0, offset: 2 ** 31 - 1, low: 0, left: 0, right: 28 }, "floor"), 0, 0)).toBe(7);
    expect(
      requantize(post({ multiplier: 2 ** 30, offset: 2 ** 31 - 1, low: 0, left: 2, right: 28 }, "floor"), 0, 1),
    ).toBe(-8);
  });

  it("has shifts for all channels, or shifts of their own", () => {
    const lines = [smallLine(1, 0, 1), smallLine(1, 0, 1)];
    const shared = requantizeOf({ ...range, rounding: "floor" }, lines, true);
    expect([shared.low, shared.left, shared.right].map(({ length }) => length)).toEqual([0, 1, 1]);
    expect([0, 1].map((channel) => requantize(shared, channel, 6))).toEqual([3, 3]);
    const own = requantizeOf({ ...range, rounding: "floor" }, [smallLine(1, 0, 1), smallLine(1, 0, 2)], false);
    expect([0, 1].map((channel) => requantize(own, channel, 6))).toEqual([3, 1]);
  });
});

describe("dense", () => {
  const denseOf = (weights: Int8Array): DenseOp => ({ kind: "dense", inputs: [0], output: 1, dtype: "int8", weights });

  it("sums products", () => {
    const acc = new Int32Array(2);
    dense(denseOf(Int8Array.of(1, -1, 0, 127, -128, 3)), [Int32Array.of(255, 7, -128)], acc);
    expect([...acc]).toEqual([248, 255 * 127 - 7 * 128 - 3 * 128]);
  });

  it("wraps to 32 bits", () => {
    const K = 66_052; // 66,052 · 255 · −128 lies just below −2^31
    const acc = new Int32Array(1);
    dense(denseOf(new Int8Array(K).fill(-128)), [new Int32Array(K).fill(255)], acc);
    expect(acc[0]).toBe(((K * 255 * -128) % 2 ** 32) + 2 ** 32);
  });
});

describe("argmax", () => {
  function indexOf(acc: number[], post?: Scores): number {
    const output = new Int32Array(1);
    argmax({ kind: "argmax", inputs: [0], output: 1, ...(post && { post }) }, [Int32Array.from(acc)], output);
    return output[0]!;
  }

  it.each([
    [[3], 0],
    [[1, 5, 5, 2], 1],
    [[-7, -7], 0],
    [[-(2 ** 31), 2 ** 31 - 1], 1],
  ])("of %j is %i", (acc, index) => {
    expect(indexOf(acc)).toBe(index);
  });

  it("compares scores in 64 bits", () => {
    const scores: Scores = {
      kind: "scores",
      multiplier: Int32Array.of(2 ** 31 - 1, -2, 0),
      offset: BigInt64Array.of(0n, 2n ** 62n, 2n ** 62n - 2n),
    };
    expect(indexOf([2 ** 31 - 1, 0, 0], scores)).toBe(1);
    expect(indexOf([2 ** 31 - 1, 2, 0], scores)).toBe(2);
    expect(indexOf([-1, 2 ** 31 - 1, 9], scores)).toBe(2);
  });
});
