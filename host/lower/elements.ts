import { UnsupportedError } from "../base/errors.ts";
import { type Codes, scalar } from "../graph/form.ts";
import type { GraphInput } from "../graph/graph.ts";
import { inputPicture } from "../graph/shapes.ts";
import { fromOrderKey, orderKey } from "../numbers/order.ts";
import { at } from "../numbers/quantizer.ts";
import { direction } from "../numbers/step.ts";
import { isUniformUnit, realOf, type Unit } from "../numbers/unit.ts";
import type { ActivationDtype } from "../program.ts";
import { type Chain, chainRuns, type Link, type Source } from "./chain.ts";
import type { InputDtype } from "./input.ts";

/** What the tensor of a value holds. */
export interface Elements {
  dtype: ActivationDtype;
  channels: number;
  source: Source;
  /** element + offset = code or accumulator of the graph. Length 1 or one entry per channel. */
  offset: number[];
}

const MAX_F32 = 3.4028234663852886e38;

/** Range of an input's elements. An f32 is known by its order key. */
const RANGE: Record<InputDtype, { min: number; max: number }> = {
  u8: { min: 0, max: 255 },
  i8: { min: -128, max: 127 },
  i16: { min: -32768, max: 32767 },
  f32: { min: orderKey(-MAX_F32), max: orderKey(MAX_F32) },
};

export function inputElements(input: GraphInput, dtype: InputDtype, unit: Unit): Elements {
  const { min, max } = RANGE[dtype];
  const { channels } = inputPicture(input);
  const source: Source = {
    min: Float64Array.of(min),
    max: Float64Array.of(max),
    start: dtype === "f32" ? fromOrderKey : realOf(unit, channels),
    uniform: dtype === "f32" || isUniformUnit(unit),
  };
  return { dtype, channels, source, offset: [0] };
}

/** Codes that one byte holds. */
export const MAX_CODES = 256;

/** How many codes there are, in the channel that has most. */
export function codeCount({ min, max }: Pick<Codes, "min" | "max">): number {
  return Math.max(...max.map((code, c) => code - at(min, c) + 1));
}

/** Codes that elements reach, proven: so many of a wide quantizer may fit a byte. `chain` is without offset; all, where it turns. */
export function reachedCodes(codes: Codes, chain: Chain): Codes {
  const turns = ({ node }: Link) =>
    node.op === "step" && Array.from({ length: chain.channels }, (_, c) => direction(node.step, c)).includes(undefined);
  if (chain.links.some(turns)) return codes;
  const reached = chainRuns(chain).map((runs) => runs.map(({ code }) => code));
  const all = (pick: (list: number[]) => number) => Float64Array.from(reached, pick);
  return {
    ...codes,
    min: all((list) => list.reduce((a, b) => Math.min(a, b))),
    max: all((list) => list.reduce((a, b) => Math.max(a, b))),
  };
}

/** Codes as they are where one byte holds them, else counted from the least code of each channel; or ±1 as bits. */
export function codeElements(
  name: string,
  channels: number,
  { min, max }: Pick<Codes, "min" | "max">,
  bit: boolean,
): Elements {
  const within = (lo: number, hi: number) => min.every((code) => code >= lo) && max.every((code) => code <= hi);
  const [unsigned, signed] = [within(0, 255), within(-128, 127)];
  const widths = max.map((code, c) => code - at(min, c));
  const count = codeCount({ min, max });
  if (count > MAX_CODES) {
    const why = `its codes take ${count} values, and a byte holds ${MAX_CODES}`;
    const instead = "at most 8 bits, in it or in a quantizer behind it, before the layer that reads them";
    throw new UnsupportedError([{ node: name, op: "quantize", shape: `[${channels}]`, why, instead }]);
  }
  const plain = unsigned || signed;
  const offset = plain ? [0] : compact(min);
  const source: Source = {
    min: plain ? min : Float64Array.of(0),
    max: plain ? max : widths,
    start: (element, channel) => element + at(offset, channel),
    uniform: isScalar(offset),
  };
  return { dtype: bit ? "bit" : signed && !unsigned ? "i8" : "u8", channels, source, offset };
}

/** Codes that stand for real numbers: code · scale. */
export function realElements(elements: Elements, { scale }: Codes): Elements {
  const { start, uniform, ...range } = elements.source;
  const real = (element: number, channel: number) => start(element, channel) * at(scale, channel);
  return { ...elements, source: { ...range, start: real, uniform: uniform && isScalar(scale) } };
}

/** A list with one entry if all are equal. */
export function compact(list: ArrayLike<number>): number[] {
  return isScalar(list) ? [list[0]!] : Array.from(list);
}

/** Whether all entries are equal. */
export function isScalar(list: ArrayLike<number>): boolean {
  return scalar(Float64Array.from(list)) !== undefined;
}
