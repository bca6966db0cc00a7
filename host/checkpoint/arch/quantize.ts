import { InputError } from "../../base/errors.ts";
import type { Factor, WeightsQuantizer } from "./layers.ts";

/** A quantizer of weights with all that it leaves open said. */
export interface WholeQuantizer {
  as: WeightsQuantizer["as"];
  scale: "absmean" | "absmax" | Factor;
  per: "tensor" | "channel";
}

/** What a quantizer is if it says no more than its word: BitNet's ternary weights, BinaryNet's signs, symmetric codes over the whole range. */
const SCALES: Record<WeightsQuantizer["as"], WholeQuantizer["scale"]> = {
  ternary: "absmean",
  binary: 1,
  codes: 1,
  2: "absmax",
  3: "absmax",
  4: "absmax",
  8: "absmax",
};

/** Throws InputError for fields that do not go together. `path` is what errors call the quantizer. */
export function wholeQuantizer(given: WeightsQuantizer | WeightsQuantizer["as"], path: string): WholeQuantizer {
  const { as, scale, per } = typeof given === "object" ? given : { as: given };
  const whole = scale ?? SCALES[as];
  const isMeasured = typeof whole === "string";
  if (as === "codes" && isMeasured)
    throw new InputError(`${path}.scale: found "${whole}", expected the scale that codes have`);
  if (per !== undefined && !isMeasured) {
    throw new InputError(`${path}.per: the scale is given, expected "per" with a measured one, "absmean" or "absmax"`);
  }
  return { as, scale: whole, per: per ?? "tensor" };
}

/** Bits of the codes of −limit … limit, and that limit. */
export function bitsOf(as: Exclude<WeightsQuantizer["as"], "binary" | "codes">): { bits: number; limit: number } {
  const bits = as === "ternary" ? 2 : as;
  return { bits, limit: 2 ** (bits - 1) - 1 };
}

/**
 * The scale of weights, in rows of outputs, in float64: absmean is the mean of |w| in their order, absmax the greatest |w| over the greatest
 * code. Weights that are all 0 have 1.
 */
export function measuredScale(data: Float64Array, outputs: number, { scale, per, as }: WholeQuantizer): Float64Array {
  const limit = as === "binary" || as === "codes" ? 1 : bitsOf(as).limit;
  const rows = per === "channel" ? outputs : 1;
  const columns = data.length / rows;
  return Float64Array.from({ length: rows }, (_, row) => {
    const weights = data.subarray(row * columns, (row + 1) * columns);
    const measured =
      scale === "absmean"
        ? weights.reduce((sum, w) => sum + Math.abs(w), 0) / columns
        : weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / limit;
    return measured || 1;
  });
}
