import { InputError } from "../../base/errors.ts";
import { ROUND } from "../../numbers/round.ts";
import type { Factor, WeightsQuantizer } from "./layers.ts";

/** A quantizer of weights with all that it leaves open said. */
export interface WholeQuantizer {
  as: WeightsQuantizer["as"];
  scale: "absmean" | "absmax" | Factor;
  per: "tensor" | "channel";
  /** What a measured scale is multiplied by. */
  times: number;
  centred: boolean;
  /** Whether codes are divided by a given scale. */
  divides: boolean;
}

/** A quantizer by its word, or with what else is said of it. */
type SaidQuantizer = Pick<WeightsQuantizer, "as"> & Partial<WeightsQuantizer>;
export type GivenQuantizer = SaidQuantizer | WeightsQuantizer["as"];

/** What a quantizer is if it says no more than its word: BitNet's ternary weights, BinaryNet's signs, symmetric codes over the whole range. */
const SCALES: Record<WeightsQuantizer["as"], WholeQuantizer["scale"]> = {
  ternary: "absmean",
  binary: 1,
  codes: 1,
  2: "absmax",
  3: "absmax",
  4: "absmax",
  8: "absmax",
  "2sym": "absmean",
  "4sym": "absmean",
};

/** Throws InputError for fields that do not go together. `path` is what errors call the quantizer. */
export function wholeQuantizer(given: GivenQuantizer, path: string): WholeQuantizer {
  const said: SaidQuantizer = typeof given === "object" ? given : { as: given };
  const { as, scale, per, times, centred, divides } = said;
  const whole = scale ?? SCALES[as];
  const isMeasured = typeof whole === "string";
  if (as === "codes" && isMeasured)
    throw new InputError(`${path}.scale: found "${whole}", expected the scale that codes have`);
  if (per !== undefined && !isMeasured) {
    throw new InputError(`${path}.per: the scale is given, expected "per" with a measured one, "absmean" or "absmax"`);
  }
  if (times !== undefined && !isMeasured) {
    throw new InputError(
      `${path}.times: the scale is given, expected "times" with a measured one, "absmean" or "absmax"`,
    );
  }
  if (centred && as !== "binary")
    throw new InputError(`${path}.centred: found it of "${as}" weights, expected "binary" ones`);
  if (divides && as !== "codes") throw new InputError(`${path}.divides: found it of "${as}" weights, expected "codes"`);
  return {
    ...{ as, scale: whole, per: per ?? "tensor", times: times ?? 1 },
    ...{ centred: centred ?? false, divides: divides ?? false },
  };
}

/** Words for codes. */
type CodeWord = Exclude<WeightsQuantizer["as"], "binary" | "codes" | HalfWord>;

/** Words for codes halfway between integers: ±1/2, ±3/2, …, as many below 0 as above. */
export type HalfWord = "2sym" | "4sym";

const HALF_BITS: Record<HalfWord, number> = { "2sym": 2, "4sym": 4 };

export function isHalf(as: WeightsQuantizer["as"]): as is HalfWord {
  return Object.hasOwn(HALF_BITS, as);
}

/** Twice the codes of weights w in rows of equal scales s, which are odd: clip(round(w / s − 1/2), −n, n − 1) + 1/2, n = 2^(bits − 1). Ties round to even. */
export function halfCodes(data: Float64Array, scale: Float64Array, as: HalfWord): Float64Array {
  const n = 2 ** (HALF_BITS[as] - 1);
  const columns = data.length / scale.length;
  return data.map((w, i) => {
    const code = ROUND.ROUND(w / scale[Math.floor(i / columns)]! - 0.5);
    return 2 * Math.min(Math.max(code, -n), n - 1) + 1;
  });
}

/** Weights less their mean. */
export function centredOn(data: Float64Array): Float64Array {
  const mean = data.reduce((sum, w) => sum + w, 0) / data.length;
  return data.map((w) => w - mean);
}

/** Bits of the codes of −limit … limit, and that limit. */
export function bitsOf(as: CodeWord): { bits: number; limit: number } {
  const bits = as === "ternary" ? 2 : as;
  return { bits, limit: 2 ** (bits - 1) - 1 };
}

/**
 * The scale of weights, in rows of outputs, in float64: absmean is the mean of |w| in their order, absmax the greatest |w| over the greatest
 * code; either by what it is multiplied by. Weights that are all 0 have 1.
 */
export function measuredScale(
  data: Float64Array,
  outputs: number,
  { scale, per, as, times }: WholeQuantizer,
): Float64Array {
  const limit = limitOf(as);
  const rows = per === "channel" ? outputs : 1;
  const columns = data.length / rows;
  return Float64Array.from({ length: rows }, (_, row) => {
    const weights = data.subarray(row * columns, (row + 1) * columns);
    const measured =
      scale === "absmean"
        ? weights.reduce((sum, w) => sum + Math.abs(w), 0) / columns
        : weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / limit;
    return times * measured || 1;
  });
}

/** The greatest code. */
export function limitOf(as: WeightsQuantizer["as"]): number {
  if (isHalf(as)) return 2 ** (HALF_BITS[as] - 1) - 0.5;
  return as === "binary" || as === "codes" ? 1 : bitsOf(as).limit;
}
