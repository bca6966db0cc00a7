import { InputError } from "../base/errors.ts";
import { at } from "./quantizer.ts";

/**
 * What an integer element e of an input stands for, or a pixel: the real number x = (e · multiply / divide − mean) / std. The constants
 * and the result of each of the three steps are rounded to f32, so x is what PyTorch's ToTensor and Normalize make of the pixel, bit for bit.
 * Vectors have length 1, or one entry for each size of the first axis of the input's shape: channels of a picture, features of a row.
 */
export interface Unit {
  multiply: number[];
  divide: number[];
  mean: number[];
  std: number[];
}

/** A factor, or a quotient that is not rounded: "1/255". */
export type Scale = number | `${number}/${number}`;

/** A unit as people declare it, x = (e · scale − mean) / std: 1, 0 and 1 where left out; one number, or one for each size of the first axis. */
export interface UnitOptions {
  scale?: Scale | readonly Scale[];
  mean?: number | readonly number[];
  std?: number | readonly number[];
}

/** Least and greatest element of the dtypes of integer inputs. */
export const ELEMENTS: Record<string, readonly [min: number, max: number] | undefined> = {
  u8: [0, 255],
  i8: [-128, 127],
  i16: [-32768, 32767],
};

/** The greatest magnitude of an integer element. */
const MAX_ELEMENT = 32768;

/** The unit that is declared for an input whose first axis has size `axis`. Throws InputError. */
export function unitOf({ scale = 1, mean = 0, std = 1 }: UnitOptions, axis: number): Unit {
  const scales = list(scale).map(fraction);
  const unit: Unit = {
    multiply: compact(scales.map(([multiply]) => multiply)),
    divide: compact(scales.map(([, divide]) => divide)),
    mean: [...list(mean)],
    std: [...list(std)],
  };
  for (const [name, { length }] of [
    ["scales", scales],
    ["means", unit.mean],
    ["deviations", unit.std],
  ] as const) {
    if (length === 1 || length === axis) continue;
    throw new InputError(
      `${length} ${name} of an input, expected 1 or ${axis}, one for each channel on its first axis`,
    );
  }
  const problem = unitProblem(unit);
  if (problem) throw new InputError(problem);
  return unit;
}

/** What is wrong with the numbers of a unit: each must be one in f32, and no element may overflow. */
export function unitProblem(unit: Unit): string | undefined {
  for (const [name, vector] of Object.entries(unit)) {
    const some = name === "mean" ? "a finite number" : "a finite number other than 0";
    const fits = (x: number) => Number.isFinite(Math.fround(x)) && (name === "mean" || Math.fround(x) !== 0);
    const bad = vector.find((x: number) => !fits(x));
    if (bad !== undefined) return `${name} ${bad} of an input, expected ${some} in the range of f32`;
  }
  const axis = axisOf(unit);
  const real = realOf(unit, axis);
  const finite = Array.from({ length: axis }, (_, i) => real(MAX_ELEMENT, i)).every(Number.isFinite);
  return finite ? undefined : "scale, mean and deviation of an input give numbers beyond f32";
}

/** The real number that an element of a channel stands for; an input has `channels` of them. */
export function realOf(unit: Unit, channels: number): (element: number, channel: number) => number {
  const { multiply, divide, mean, std } = unit;
  const { fround } = Math;
  const perEntry = channels / axisOf(unit);
  return (element, channel) => {
    const i = Math.floor(channel / perEntry);
    const scaled = fround((element * fround(at(multiply, i))) / fround(at(divide, i)));
    return fround(fround(scaled - fround(at(mean, i))) / fround(at(std, i)));
  };
}

export function isIdentity({ multiply, divide, mean, std }: Unit): boolean {
  const is = (vector: number[], one: number) => vector.every((x) => x === one);
  return is(mean, 0) && is(std, 1) && is(multiply, 1) && is(divide, 1);
}

/** Whether one function serves all channels. */
export function isUniformUnit(unit: Unit): boolean {
  return axisOf(unit) === 1;
}

/** "(e / 255 − 0.1307) / 0.3081", in which `e` is the name of an element. */
export function unitText({ multiply, divide, mean, std }: Unit, e: string): string {
  const by = (sign: string, vector: number[], neutral: number) =>
    vector.every((x) => x === neutral) ? "" : ` ${sign} ${listText(vector)}`;
  const scaled = e + by("·", multiply, 1) + by("/", divide, 1);
  const isBelow = mean.length === 1 && mean[0]! < 0;
  const shifted = isBelow ? ` + ${-mean[0]!}` : by("−", mean, 0);
  const divided = by("/", std, 1);
  return shifted && divided ? `(${scaled}${shifted})${divided}` : scaled + shifted + divided;
}

/** Numbers that are shown of a vector. */
const SHOWN = 4;

function listText(vector: number[]): string {
  if (vector.length === 1) return vector[0]! < 0 ? `(${vector[0]})` : String(vector[0]);
  return `[${vector.slice(0, SHOWN).join(", ")}${vector.length > SHOWN ? ", …" : ""}]`;
}

/** A unit as the command line has it: "1/255", "0.485,0.456,0.406". Throws InputError. */
export function parseUnit(text: { scale?: string; mean?: string; std?: string }): UnitOptions {
  const each = (list: string) => list.split(",").map((entry) => entry.trim());
  const numbers = (name: string, list: string) =>
    each(list).map((entry) => {
      if (entry !== "" && Number.isFinite(Number(entry))) return Number(entry);
      throw new InputError(`${name} "${entry}", expected a number, or one for each channel: 0.485,0.456,0.406`);
    });
  const { scale, mean, std } = text;
  const options: UnitOptions = {
    ...(scale !== undefined && { scale: each(scale) as Scale[] }),
    ...(mean !== undefined && { mean: numbers("mean", mean) }),
    ...(std !== undefined && { std: numbers("deviation", std) }),
  };
  list(options.scale ?? 1).forEach(fraction);
  return options;
}

/** Numerator and denominator of a scale. */
function fraction(scale: Scale): [number, number] {
  const [above = "", below = "1", ...rest] = String(scale).split("/");
  const parts: [number, number] = [Number(above), Number(below)];
  const valid = rest.length === 0 && above.trim() !== "" && below.trim() !== "";
  if (valid && parts.every((part) => Number.isFinite(part) && part !== 0)) return parts;
  throw new InputError(`scale "${scale}", expected a number other than 0 or a quotient such as 1/255`);
}

/** The size of the axis that the vectors go along; 1 if one function serves all channels. */
function axisOf(unit: Unit): number {
  return Math.max(...Object.values(unit).map((vector: number[]) => vector.length));
}

function list<T extends number | string>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function compact(vector: number[]): number[] {
  return vector.every((x) => x === vector[0]) ? vector.slice(0, 1) : vector;
}
