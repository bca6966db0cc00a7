import { expect, it } from "vitest";
import { mulberry32 } from "../../host/numbers/random.ts";
import { ACTIVATIONS, type ActivationName } from "../../tools/bench/activations.ts";
import { floatEnds } from "../../tools/bench/floats/floats.ts";

const LENGTHS = [1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 1024]; // a vector of four floats, sixteen codes, and each side of those

/** Codes of rows of x as bytes, and y for sums of 1 without offsets: the scale of each row. */
function quantize(name: ActivationName, rows: ArrayLike<number>[]) {
  const inputs = rows[0]!.length;
  const codeStep = 16 * Math.ceil(inputs / 16);
  const ends = floatEnds({
    activation: ACTIVATIONS[name],
    ...{ rows: rows.length, inputs, codeStep, sumStep: 16, offsets: new Int32Array(1), unit: 1 },
  });
  const codes = ends.quantize(Float32Array.from(rows.flatMap((row) => Array.from(row))));
  const size = name === "bit" ? Math.ceil(inputs / 8) : inputs;
  const scales = Array.from(ends.scale(new Int32Array(4 * rows.length).fill(1)));
  return rows.map((_, r) => ({
    scale: scales[r]!,
    bytes: Array.from(codes.subarray(r * codeStep, r * codeStep + size)),
  }));
}

it.each<[ActivationName, number[], number[], number]>([
  ["i8", [127, -127, 0.5, 1.5, -0.5, -2.5, 0], [127, 129, 0, 2, 0, 254, 0], 1], // ties to even; bytes of signed codes
  ["i8", [0, 0], [0, 0], 0],
  ["u4", [7, -7, 0.5, 1.5, 0], [15, 1, 8, 10, 8], 1],
  ["u4", [-1, 0.25], [1, 10], Math.fround(1 / 7)],
  ["i4", [7, -7, 0.5, 1.5, 0, -1.5, -6.5], [7, 249, 0, 2, 0, 254, 250], 1],
  ["bit", [-1, 0, -0, 3, -2, 1, 1, 1, -9], [0b10001, 1], 2],
])("%s codes of %j", (name, x, bytes, scale) => {
  expect(quantize(name, [x])).toEqual([{ scale, bytes }]);
  const sixteen = [...x, ...new Array(16).fill(0)]; // by vectors, with a rest
  expect(quantize(name, [x, x]).map((row) => row.bytes)).toEqual([bytes, bytes]);
  if (name !== "bit") expect(quantize(name, [sixteen])[0]!.bytes.slice(0, x.length)).toEqual(bytes);
});

/** As few words as it takes to say it: x / scale, rounded half to even. */
function plainCode(x: number, perUnit: number): number {
  const exact = Math.fround(x * perUnit);
  const floor = Math.floor(exact);
  const rest = exact - floor;
  return floor + (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? 1 : 0);
}

it.each(LENGTHS)("are those of plain loops for %i random floats", (length) => {
  const next = mulberry32(length);
  const rows = Array.from({ length: 3 }, () =>
    Float32Array.from({ length }, () => (next() < 0.1 ? (next() < 0.5 ? -0 : 0.5) : 2 * next() - 1)),
  );
  for (const [name, steps, zero] of [
    ["i8", 127, 0],
    ["i4", 7, 0],
    ["u4", 7, 8],
  ] as const) {
    const expected = rows.map((x) => {
      const largest = x.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      const perUnit = Math.fround(steps / largest);
      return {
        scale: Math.fround(largest / steps),
        bytes: Array.from(x, (each) => (plainCode(each, perUnit) + zero) & 0xff),
      };
    });
    expect(quantize(name, rows), name).toEqual(expected);
  }
  quantize("bit", rows).forEach(({ bytes, scale }, r) => {
    const x = rows[r]!;
    expect(Array.from(x, (_, k) => (bytes[k >> 3]! >> (k & 7)) & 1)).toEqual(
      Array.from(x, (each) => (each < 0 ? 1 : 0)),
    );
    expect(scale).toBeCloseTo(x.reduce((sum, each) => sum + Math.abs(each), 0) / length, 6);
  });
});

it.each(LENGTHS)("scale %i sums of each row", (outputs) => {
  const next = mulberry32(outputs);
  const whole = () => Math.floor(2e6 * next() - 1e6);
  const offsets = Int32Array.from({ length: outputs }, whole);
  const sumStep = 16 * Math.ceil(outputs / 4);
  const rows = 2;
  const ends = floatEnds({ activation: ACTIVATIONS.i8, rows, inputs: 1, codeStep: 16, sumStep, offsets, unit: 0.25 });
  ends.quantize(Float32Array.of(127 * 3, 127 * 5)); // scales 3 and 5
  const sums = Int32Array.from({ length: (rows * sumStep) / 4 }, whole);
  const expected = Array.from({ length: rows * outputs }, (_, i) => {
    const [r, m] = [Math.floor(i / outputs), i % outputs];
    return Math.fround((sums[(r * sumStep) / 4 + m]! - offsets[m]!) * [0.75, 1.25][r]!);
  });
  expect(Array.from(ends.scale(sums))).toEqual(expected);
});
