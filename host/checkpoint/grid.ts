/** Weights (rows, columns) as integers times scales. */
export interface BareGrid {
  codes: Float64Array;
  /** One entry per row. */
  scale: Float64Array;
  /** Bits that the codes need, signed. */
  bits: number;
  /** All rows have one scale. */
  perTensor: boolean;
}

/** The kernels multiply int8 codes at most. */
const MAX_BITS = 8;
const MAX_MAGNITUDE = 2 ** (MAX_BITS - 1);

/**
 * The grid of bare weights: codes of at most 8 bits times the largest scale that serves all, one for the tensor unless a scale
 * for each row makes do with fewer bits. Undefined where there is none. Every weight is the float nearest to code · scale, so
 * nothing is lost, and what is found by chance does no harm.
 *
 * Chance finds no grid but in the smallest tensors. Two random f32 have a ratio of integers up to 128 once in a thousand times,
 * and each further one must fit as well. Numbers cut to bf16 or f16 are integers of 8 or 11 bits times powers of two, and as they
 * differ in size, have no common step for 8 bits.
 */
export function findGrid(weights: Float64Array, rows: number): BareGrid | undefined {
  const nearest = weights.every((w) => Math.fround(w) === w) ? Math.fround : (x: number) => x;
  const whole = scaleOf(weights, nearest);
  const perTensor = whole === undefined ? undefined : gridOf(weights, new Float64Array(rows).fill(whole || 1), true);
  const scales = rowScales(weights, rows, nearest);
  const perRow = scales && gridOf(weights, scales, false);
  return !perRow || (perTensor && perTensor.bits <= perRow.bits) ? perTensor : perRow;
}

function rowScales(weights: Float64Array, rows: number, nearest: Nearest): Float64Array | undefined {
  const columns = weights.length / rows;
  const scales = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const scale = scaleOf(weights.subarray(row * columns, (row + 1) * columns), nearest);
    if (scale === undefined) return undefined;
    scales[row] = scale;
  }
  const any = scales.find((scale) => scale !== 0) ?? 1;
  return scales.map((scale) => scale || any); // a row of zeros is on every grid
}

function gridOf(weights: Float64Array, scale: Float64Array, perTensor: boolean): BareGrid | undefined {
  const columns = weights.length / scale.length;
  const codes = weights.map((w, i) => Math.round(w / scale[Math.floor(i / columns)]!) + 0); // + 0 turns −0 into 0
  const bits = bitsOf(codes);
  return bits <= MAX_BITS ? { codes, scale, bits, perTensor } : undefined;
}

/** Bits that integers need in two's complement. */
export function bitsOf(codes: ArrayLike<number>): number {
  let [min, max] = [0, 0];
  for (let i = 0; i < codes.length; i++) {
    min = Math.min(min, codes[i]!);
    max = Math.max(max, codes[i]!);
  }
  let bits = 1;
  while (-(2 ** (bits - 1)) > min || 2 ** (bits - 1) - 1 < max) bits++;
  return bits;
}

/** Rounds to the precision that the weights have. */
type Nearest = (x: number) => number;

/** The largest scale of which all weights are multiples of up to 128, each rounded, negative for one of 128; 0 where all are 0. */
function scaleOf(weights: Float64Array, nearest: Nearest): number | undefined {
  const sizes = distinctSizes(weights);
  if (!sizes) return undefined;
  const greatest = Math.max(0, ...sizes);
  if (greatest === 0) return 0;
  for (let n = 1; n <= MAX_MAGNITUDE; n++) {
    const scale = scaleWith(sizes, greatest / n, nearest);
    if (scale === undefined) continue;
    return n === MAX_MAGNITUDE && weights.includes(greatest) ? -scale : scale; // int8 has −128, not 128
  }
  return undefined;
}

/** Magnitudes other than 0; undefined where they are too many for a grid. */
function distinctSizes(weights: Float64Array): number[] | undefined {
  const sizes = new Set<number>();
  for (const w of weights) {
    if (w !== 0) sizes.add(Math.abs(w));
    if (sizes.size > MAX_MAGNITUDE) return undefined;
  }
  return [...sizes];
}

/** A scale near `guess` of which all sizes are rounded multiples, an f32 if there is one. */
function scaleWith(sizes: readonly number[], guess: number, nearest: Nearest): number | undefined {
  let [low, high] = [0, Infinity];
  for (const size of sizes) {
    const code = Math.round(size / guess);
    const slack = size * (nearest === Math.fround ? 2 ** -24 : 2 ** -52); // half a unit in the last place or more
    low = Math.max(low, (size - slack) / code);
    high = Math.min(high, (size + slack) / code);
    if (!(low <= high)) return undefined; // also where the code is 0
  }
  const serves = (scale: number) => sizes.every((size) => nearest(Math.round(size / guess) * scale) === size);
  const middle = (low + high) / 2;
  const least = Math.min(...sizes);
  return [Math.fround(middle), least / Math.round(least / guess), middle].find(serves);
}
