import { expect, it } from "vitest";
import { mulberry32 } from "../../host/numbers/random.ts";
import { ACTIVATIONS, type ActivationName } from "../../tools/bench/activations.ts";

/** Codes of `x` as bytes, and their scale; the row lies behind another word, and x behind another float. */
function quantize(name: ActivationName, x: ArrayLike<number>) {
  const values = Float32Array.from([9, ...Array.from(x)]);
  const bytes = new Uint8Array(4 + 4 * Math.ceil(x.length / 4));
  const memory = { bytes, words: new Int32Array(bytes.buffer) };
  const floats = { values, bits: new Int32Array(values.buffer) };
  const scale = ACTIVATIONS[name].quantize(floats, 1, values.length, memory, 4);
  const size = name === "bit" ? Math.ceil(x.length / 8) : x.length;
  return { scale, bytes: Array.from(bytes.subarray(4, 4 + size)), outside: [bytes[0], ...bytes.subarray(4 + size)] };
}

it.each<[ActivationName, number[], number[], number]>([
  ["i8", [127, -127, 0.5, 1.5, -0.5, -2.5, 0], [127, 129, 0, 2, 0, 254, 0], 1], // ties to even; bytes of signed codes
  ["i8", [0, 0], [0, 0], 0],
  ["u4", [7, -7, 0.5, 1.5, 0], [15, 1, 8, 10, 8], 1],
  ["u4", [-1, 0.25], [1, 10], 1 / 7],
  ["i4", [7, -7, 0.5, 1.5, 0, -1.5, -6.5], [7, 249, 0, 2, 0, 254, 250], 1],
  ["bit", [-1, 0, -0, 3, -2, 1, 1, 1, -9], [0b10001, 1], 2],
])("%s codes of %j", (name, x, bytes, scale) => {
  expect(quantize(name, x)).toMatchObject({ scale, bytes });
});

/** As few words as it takes to say it: x / scale, rounded half to even. */
function plainCode(x: number, perUnit: number): number {
  const exact = x * perUnit;
  const floor = Math.floor(exact);
  const rest = exact - floor;
  return floor + (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? 1 : 0);
}

const LENGTHS = [1, 3, 4, 7, 8, 9, 31, 32, 33, 100, 1024]; // a word, an unrolled turn, 32 signs, and each side of those
it.each(LENGTHS)("are those of plain loops for %i random floats", (length) => {
  const next = mulberry32(length);
  const x = Float32Array.from({ length }, () => (next() < 0.1 ? (next() < 0.5 ? -0 : 0.5) : 2 * next() - 1));
  const largest = x.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  for (const [name, steps, zero] of [
    ["i8", 127, 0],
    ["i4", 7, 0],
    ["u4", 7, 8],
  ] as const) {
    const codes = Array.from(x, (each) => (plainCode(each, steps / largest) + zero) & 0xff);
    const rest = new Array((4 - (length % 4)) % 4).fill(0);
    expect(quantize(name, x), name).toEqual({ scale: largest / steps, bytes: codes, outside: [0, ...rest] });
  }
  const { bytes, scale } = quantize("bit", x);
  expect(Array.from(x, (_, k) => (bytes[k >> 3]! >> (k & 7)) & 1)).toEqual(Array.from(x, (each) => (each < 0 ? 1 : 0)));
  expect(scale).toBeCloseTo(x.reduce((sum, each) => sum + Math.abs(each), 0) / length, 12);
});
