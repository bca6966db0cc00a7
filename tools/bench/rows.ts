import { type NetworkResult, samplesPerSecond } from "./networks.ts";
import { gmacs, type PeerResult, type Product, type ProductResult, type Result, weightGigabytes } from "./products.ts";
import { rounded } from "./records.ts";
import type { Timing } from "./timing.ts";

/** A rate: the median of several batches of calls, and between which a half of them lie. */
export interface Rate {
  median: number;
  p25: number;
  p75: number;
}

/** A product of M × K weights (M = K but where both are given) and so many rows of x, in an engine. */
export interface ProductRow extends Product {
  K: number;
  M: number;
  rows: number;
  engine: string;
  variant: string;
  gmacs: Rate;
  /** Of packed weights in a second, each counted once for all rows. */
  weightGigabytes: number;
}

/** What a kind of product costs beside time, at the first size that was measured. */
export interface CostRow extends Product {
  bytesPerWeight: number;
  /** Of y, against the product of the floats: what quantizing x costs. */
  relativeError: number;
}

/** The same of someone else's. */
export interface PeerRow {
  peer: string;
  weights: Product["weights"];
  K: number;
  M: number;
  rows: number;
  gmacs: Rate;
  weightGigabytes: number;
  bytesPerWeight: number;
  relativeError: number;
}

/** A whole network in an engine, or its f32 twin in somebody's library. */
export interface NetworkRow {
  network: string;
  rows: number;
  engine: string;
  variant: string;
  samplesPerSecond: Rate;
}

export function productRow(result: ProductResult): ProductRow {
  const { weights, activation, K, M, rows, engine, variant } = result;
  return { weights, activation, K, M, rows, engine, variant, ...ratesOf(result) };
}

/** One row for each kind. */
export function costRows(results: readonly ProductResult[]): CostRow[] {
  const kindOf = ({ weights, activation }: Product) => `${weights} ${activation}`;
  return results
    .filter((result, i) => results.findIndex((other) => kindOf(other) === kindOf(result)) === i)
    .map(({ weights, activation, ...result }) => ({ weights, activation, ...costOf(result) }));
}

export function peerRow(result: PeerResult): PeerRow {
  const { peer, weights, K, M, rows } = result;
  return { peer, weights, K, M, rows, ...ratesOf(result), ...costOf(result) };
}

export function networkRow(result: NetworkResult): NetworkRow {
  const { network, rows, engine, variant, timing } = result;
  return { network, rows, engine, variant, samplesPerSecond: spreadOf(samplesPerSecond(result), timing) };
}

function ratesOf(result: Result) {
  return { gmacs: spreadOf(gmacs(result), result.timing), weightGigabytes: rounded(weightGigabytes(result)) };
}

function costOf({ weightBytes, M, K, relativeError }: Result) {
  return { bytesPerWeight: rounded(weightBytes / (M * K)), relativeError: rounded(relativeError, 2) };
}

/** Of a rate at the median of its times: long times are low rates. */
function spreadOf(rate: number, { median, p25, p75 }: Timing): Rate {
  return { median: rounded(rate), p25: rounded((rate * median) / p75), p75: rounded((rate * median) / p25) };
}
