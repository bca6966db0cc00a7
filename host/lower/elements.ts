import { InputError, UnsupportedError } from "../errors.ts";
import { rowSize } from "../graph/check.ts";
import { accumulatorScale, type Codes, scalar } from "../graph/form.ts";
import type { DenseNode, GraphInput } from "../graph/graph.ts";
import { fromOrderKey, orderKey } from "../numbers/order.ts";
import { at } from "../numbers/quantizer.ts";
import type { ActivationDtype } from "../program.ts";
import type { Source } from "./chain.ts";
import { accumulatorOffset, accumulatorRange } from "./dense.ts";

/** What the tensor of a value holds. */
export interface Elements {
  dtype: ActivationDtype;
  channels: number;
  source: Source;
  /** element + offset = code or accumulator of the graph. Length 1 or one entry per channel. */
  offset: number[];
}

export type InputDtype = "u8" | "i8" | "i16" | "f32";

/** Elements of an input: x = f32(element / divide). */
export interface InputOptions {
  dtype: InputDtype;
  divide?: number;
}

const MAX_F32 = 3.4028234663852886e38;

/** Range of an input's elements, and the usual divisor. An f32 is known by its order key. */
const INPUT: Record<InputDtype, { min: number; max: number; divide: number }> = {
  u8: { min: 0, max: 255, divide: 255 },
  i8: { min: -128, max: 127, divide: 128 },
  i16: { min: -32768, max: 32767, divide: 32768 },
  f32: { min: orderKey(-MAX_F32), max: orderKey(MAX_F32), divide: 1 },
};

/** Dtype and divisor of an input: as given, else u8 / 255 for what looks like a picture (three axes or more), f32 for others. */
export function inputOptions({ shape }: GraphInput, given?: InputOptions): Required<InputOptions> {
  const dtype = given?.dtype ?? (shape.length >= 3 ? "u8" : "f32");
  const divide = given?.divide ?? INPUT[dtype].divide;
  if (!(Number.isFinite(divide) && divide > 0)) throw new InputError(`divisor ${divide}, expected a positive number`);
  return { dtype, divide };
}

export function inputElements({ shape }: GraphInput, { dtype, divide }: Required<InputOptions>): Elements {
  const { min, max } = INPUT[dtype];
  const source: Source = {
    min: Float64Array.of(min),
    max: Float64Array.of(max),
    start: (element) => Math.fround((dtype === "f32" ? fromOrderKey(element) : element) / divide),
    uniform: true,
  };
  return { dtype, channels: rowSize(shape), source, offset: [0] };
}

/** Codes as they are where one byte holds them, else counted from the least code of each channel; or ±1 as bits. */
export function codeElements(name: string, channels: number, { min, max }: Codes, bit: boolean): Elements {
  const within = (lo: number, hi: number) => min.every((code) => code >= lo) && max.every((code) => code <= hi);
  const [unsigned, signed] = [within(0, 255), within(-128, 127)];
  const widths = max.map((code, c) => code - at(min, c));
  const widest = widths.reduce((most, width) => Math.max(most, width), 0);
  if (!signed && widest > 255) {
    const why = `its codes take ${widest + 1} values, and a byte holds 256`;
    const instead = "at most 8 bits";
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

/** Accumulators of a dense node over stored codes. */
export function sumElements(node: DenseNode, codes: Codes, input: Elements): Elements {
  const offset = compact(accumulatorOffset(node.weights, input.offset));
  const scale = accumulatorScale(node, codes);
  const source: Source = {
    ...accumulatorRange(node, input.source.min, input.source.max),
    start: (element, channel) => (element + at(offset, channel)) * at(scale, channel),
    uniform: isScalar(offset) && isScalar(scale),
  };
  return { dtype: "i32", channels: node.channels, source, offset };
}

/** Codes that stand for real numbers: code · scale. */
export function realElements(elements: Elements, { scale }: Codes): Elements {
  const { start, uniform, ...range } = elements.source;
  const real = (element: number, channel: number) => start(element, channel) * at(scale, channel);
  return { ...elements, source: { ...range, start: real, uniform: uniform && isScalar(scale) } };
}

/** The index that an argmax writes. */
export function indexElements(channels: number): Elements {
  const source: Source = {
    min: Float64Array.of(0),
    max: Float64Array.of(channels - 1),
    start: (element) => element,
    uniform: true,
  };
  return { dtype: "i32", channels: 1, source, offset: [0] };
}

/** A list with one entry if all are equal. */
export function compact(list: ArrayLike<number>): number[] {
  return isScalar(list) ? [list[0]!] : Array.from(list);
}

function isScalar(list: ArrayLike<number>): boolean {
  return scalar(Float64Array.from(list)) !== undefined;
}
