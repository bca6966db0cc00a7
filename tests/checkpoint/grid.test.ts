import { describe, expect, it } from "vitest";
import { bitsOf, findGrid } from "../../host/checkpoint/grid.ts";
import { mulberry32 } from "../../host/numbers/random.ts";

const ROWS = 6;
const COLUMNS = 40;

/** Weights (rows, columns) whose codes leave out no part of the range. */
function onGrid(seed: number, least: number, greatest: number, scale: (row: number) => number): Float64Array {
  const next = mulberry32(seed);
  return Float64Array.from({ length: ROWS * COLUMNS }, (_, i) => {
    const column = i % COLUMNS;
    const span = greatest - least + 1;
    const code = column === 0 ? least : column === 1 ? greatest : least + Math.floor(span * next());
    return Math.fround(code * scale(Math.floor(i / COLUMNS)));
  });
}

describe("findGrid", () => {
  it.each([
    [-1, 1, 2],
    [-2, 1, 2],
    [-3, 3, 3],
    [-8, 7, 4],
    [-7, 7, 4],
    [-31, 31, 6],
    [-128, 127, 8],
    [-127, 127, 8],
  ])("finds codes %i … %i, whatever the scale", (least, greatest, bits) => {
    for (let seed = 0; seed < 40; seed++) {
      const next = mulberry32(~seed);
      const scale = Math.fround(seed % 4 === 0 ? 2 ** -(seed % 9) : 10 ** (4 * next() - 3));
      const weights = onGrid(seed, least, greatest, () => scale);
      const grid = findGrid(weights, ROWS)!;
      expect(grid, `seed ${seed}`).toMatchObject({ bits, perTensor: true });
      expect(grid.codes, `seed ${seed}`).toEqual(weights.map((w) => Math.round(w / scale) + 0));
      expect(grid.codes.map((code) => Math.fround(code * grid.scale[0]!) + 0)).toEqual(weights.map((w) => w + 0));
    }
  });

  it("finds the scale itself where a code of 1 shows it, and a near one where none does", () => {
    const scale = Math.fround(0.0371);
    expect(findGrid(Float64Array.of(Math.fround(3 * scale), scale, -Math.fround(7 * scale)), 1)!.scale).toEqual(
      Float64Array.of(scale),
    );
    const near = findGrid(Float64Array.of(Math.fround(5 * scale), -Math.fround(7 * scale)), 1)!;
    expect([...near.codes]).toEqual([5, -7]);
    expect(Math.abs(near.scale[0]! / scale - 1)).toBeLessThan(2 ** -22);
  });

  it("takes a scale per row where only that fits, or fits fewer bits", () => {
    const scales = [0.5, 0.25, 0.37, 1, 3, 0.001];
    const weights = onGrid(1, -7, 7, (row) => Math.fround(scales[row]!));
    expect(findGrid(weights, ROWS)).toMatchObject({ bits: 4, perTensor: false });
    expect(findGrid(weights, ROWS)!.scale).toEqual(Float64Array.from(scales, Math.fround));
    const powers = onGrid(1, -1, 1, (row) => 2 ** -row); // of one scale, too: 2^-5, with 7 bits
    expect(findGrid(powers, ROWS)).toMatchObject({ bits: 2, perTensor: false });
  });

  it("lets rows of zeros be", () => {
    const weights = Float64Array.of(0, 0, 0.5, -0.25);
    expect(findGrid(weights, 2)).toMatchObject({ perTensor: true, codes: Float64Array.of(0, 0, 2, -1) });
    expect(findGrid(new Float64Array(4), 2)).toMatchObject({
      codes: new Float64Array(4),
      scale: Float64Array.of(1, 1),
    });
  });

  it("finds products that were folded in float64", () => {
    const mean = 0.1 + 0.2 / 3;
    const weights = Float64Array.from([3, -5, 7, 0, 1], (code) => code * mean);
    const grid = findGrid(weights, 1)!;
    expect(grid).toMatchObject({ codes: Float64Array.of(3, -5, 7, 0, 1), bits: 4 });
    expect(grid.codes.map((code) => code * grid.scale[0]!)).toEqual(weights);
  });

  it.each<[string, (x: number) => number]>([
    ["f64", (x) => x],
    ["f32", Math.fround],
    ["f16", (x) => round(x, 11)],
    ["bf16", (x) => round(x, 8)],
    ["fp8 with 4 bits of fraction", (x) => round(x, 5)],
  ])("finds none in normal random weights of %s", (_, precision) => {
    for (let seed = 0; seed < 100; seed++) {
      const next = mulberry32(seed);
      const normal = (): number => {
        const u = 1 - next();
        return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * next());
      };
      const weights = Float64Array.from({ length: ROWS * COLUMNS }, () => precision(0.05 * normal()));
      expect(findGrid(weights, ROWS), `seed ${seed}`).toBeUndefined();
    }
  });

  it("finds none for one weight that is off by a unit in the last place, and none beyond 8 bits", () => {
    const weights = onGrid(3, -7, 7, () => Math.fround(0.0371));
    weights[17] = Math.fround(weights[17]! * (1 + 2 ** -22));
    expect(findGrid(weights, ROWS)).toBeUndefined();
    expect(
      findGrid(
        Float64Array.from({ length: 300 }, (_, i) => i - 150),
        1,
      ),
    ).toBeUndefined();
    expect(findGrid(Float64Array.of(-128, 1), 1)).toMatchObject({ bits: 8, scale: Float64Array.of(1) });
    expect(findGrid(Float64Array.of(128, 1), 1)).toMatchObject({ bits: 8, scale: Float64Array.of(-1) });
    expect(findGrid(Float64Array.of(128, 1, -128), 1)).toBeUndefined();
  });

  it("is quick where the last weight of a large tensor is off", () => {
    const weights = Float64Array.from({ length: 1 << 20 }, (_, i) => (i % 2 === 0 ? 3 : -7));
    weights[weights.length - 1] = Math.PI;
    const start = process.cpuUsage(); // what else the machine does is not its fault
    expect(findGrid(weights, 1)).toBeUndefined();
    expect(findGrid(weights, 1 << 19)).toBeUndefined();
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(3);
  });
});

/** A number to so many significant bits. */
function round(x: number, bits: number): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) + 1 - bits);
  return Math.round(x / unit) * unit;
}

it("bitsOf counts bits in two's complement", () => {
  expect([[0], [-1], [1], [-2], [7, -8], [8], [-128], [127], [128]].map(bitsOf)).toEqual([1, 1, 2, 2, 4, 5, 8, 8, 9]);
});
