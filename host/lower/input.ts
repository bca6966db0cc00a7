import { InputError } from "../base/errors.ts";
import { applyNode } from "../graph/element.ts";
import type { GraphInput } from "../graph/graph.ts";
import type { QuantizeNode } from "../graph/ops/quantize.ts";
import { inputPicture } from "../graph/shapes.ts";
import { at, codeRange, type Quantizer, quantize } from "../numbers/quantizer.ts";
import { isIdentity, realOf, type Scale, type Unit, type UnitOptions, unitOf, unitText } from "../numbers/unit.ts";
import type { Basis } from "../program.ts";
import type { Link } from "./chain.ts";

export const INPUT_DTYPES = ["u8", "i8", "i16", "f32"] as const;

export type InputDtype = (typeof INPUT_DTYPES)[number];

/** Elements of an input, and what they stand for: x = (element · scale − mean) / std. An f32 element is x itself; then the unit is that of pixels. */
export interface InputOptions extends UnitOptions {
  dtype?: InputDtype;
}

/** What the elements of an input are, or, where they are real numbers, what a pixel is that a host makes one of. */
export interface InputMeaning {
  dtype: InputDtype;
  unit: Unit;
  basis: Basis;
  /** For people: what was taken where the checkpoint leaves it open, and what reaches few codes. */
  notes: string[];
}

type IntegerDtype = Exclude<InputDtype, "f32">;

/** The least and greatest element, and what real numbers from 0 or −1 to 1 are usually multiplied by to make such elements. */
const INTEGERS: Record<IntegerDtype, { min: number; max: number; full: number }> = {
  u8: { min: 0, max: 255, full: 255 },
  i8: { min: -128, max: 127, full: 128 },
  i16: { min: -32768, max: 32767, full: 32768 },
};
/** Elements that are looked at: all of one byte, every 255th of two. */
const SAMPLES = 257;
/** Channels that are looked at, where they differ. */
const SAMPLED_CHANNELS = 64;

/** Elements that share so much of their range with the quantizer's are likely its own: 0 … 1 with up to −1.4 … 1.4, as signed ones learn it. */
const FITS = 0.35;
/** From here on, the quantizer's range is that of the elements. */
const SETTLES = 0.8;
/** A sign fits where at least this share of the elements has either sign. */
const FEWER_SIGN = 1 / 16;
/** So few of the codes that elements could reach are worth a warning. */
const FEW_CODES = 1 / 4;

/**
 * Decides what an input's elements are. What `given` declares holds; an integer type of the checkpoint says that elements are the numbers, or codes
 * that stand for them; else the range of the first quantizer, seen through the steps before it (`links`), tells 0 … 1 from 0 … 255. Elements are pixels where
 * a unit is declared, or where the input has a picture's axes and that range agrees with pixels; else they are real numbers. Throws InputError.
 */
export function decideInput(input: GraphInput, links: readonly Link[], given: InputOptions = {}): InputMeaning {
  const { dtype, ...declared } = given;
  const axis = input.layout ? inputPicture(input).channels : (input.shape[0] ?? 1);
  const isDeclared = Object.values(declared).some((value) => value !== undefined);
  if (input.integers) {
    const held = input.integers === "wide" ? "f32" : input.integers;
    if (isDeclared && !isIdentity(unitOf(declared, axis))) {
      throw new InputError(
        `input "${input.name}": the checkpoint takes integers, so its elements are the numbers, expected no scale, mean or deviation`,
      );
    }
    return { dtype: dtype ?? held, unit: unitOf({}, axis), basis: "read", notes: [] };
  }

  if (input.codes && !isDeclared && (dtype ?? input.codes.dtype) === input.codes.dtype) {
    return { ...input.codes, basis: "read", notes: [] };
  }

  const integer = dtype === undefined || dtype === "f32" ? "u8" : dtype;
  const scales: (Scale | readonly Scale[])[] =
    declared.scale === undefined ? [`1/${INTEGERS[integer].full}`, 1] : [declared.scale];
  const found: Found = scales
    .map((scale) => unitOf({ ...declared, scale }, axis))
    .map((unit) => ({ unit, ...reachOf(links, unit, integer) }))
    .reduce((best, each) => (each.fit > best.fit ? each : best));

  const { unit, fit } = found;
  const read = fit >= SETTLES || (links.length > 1 && fit >= FITS);
  const basis = isDeclared ? "declared" : read ? "read" : "assumed";
  const picture = input.layout !== undefined || input.shape.length >= 3;
  const chosen = dtype ?? (isDeclared || (picture && fit >= FITS) ? "u8" : "f32");
  const matters = chosen !== "f32" || isDeclared || picture;
  return { dtype: chosen, unit, basis, notes: matters ? notesOf(input, links, chosen, basis, found) : [] };
}

/** How elements of a unit meet the first quantizer, over all channels that were looked at. */
interface Reach {
  /** How much of their range elements and quantizer share, 0 … 1. */
  fit: number;
  /** Codes that the elements reach, and that so many elements could reach. */
  codes: number;
  possible: number;
}

type Found = Reach & { unit: Unit };

function reachOf(links: readonly Link[], unit: Unit, dtype: IntegerDtype): Reach {
  const { quantizer, channels } = links.at(-1)!.node as QuantizeNode;
  const { min, max } = INTEGERS[dtype];
  const count = Math.min(max - min + 1, SAMPLES);
  const elements = Array.from({ length: count }, (_, i) => min + Math.round((i * (max - min)) / (count - 1)));
  const range = codeRange(quantizer);
  const real = realOf(unit, channels);
  const looked = Math.min(channels, SAMPLED_CHANNELS);
  const reach: Reach = { fit: 0, codes: 0, possible: looked * Math.min(range.max - range.min + 1, count) };
  if (quantizer.kind === "bipolar") reach.possible = looked * 2;
  for (let i = 0; i < looked; i++) {
    const channel = Math.floor((i * channels) / looked);
    const numbers = elements.map((element) => quantized(links, real(element, channel), channel));
    reach.fit += fitOf(quantizer, numbers, channel) / looked;
    reach.codes += new Set(numbers.map((x) => quantize(quantizer, x, channel))).size;
  }
  return reach;
}

/** The number that the quantizer at the end of `links` gets. */
function quantized(links: readonly Link[], x: number, channel: number): number {
  for (const { node, from, to } of links.slice(0, -1)) x = applyNode(node, from, to, x, channel);
  const { from } = links.at(-1)!;
  return from.kind === "codes" ? x * at(from.scale, channel) : x;
}

/** The part of both ranges, that of the numbers and the quantizer's own, which they share. */
function fitOf(quantizer: Quantizer, numbers: readonly number[], channel: number): number {
  if (quantizer.kind === "bipolar") {
    const negative = numbers.filter((x) => x < 0).length / numbers.length;
    return Math.min(negative, 1 - negative) >= FEWER_SIGN ? 1 : 0;
  }
  const { min, max } = codeRange(quantizer);
  const positions = numbers.map((x) => x / at(quantizer.scale, channel) + at(quantizer.zero, channel));
  const [least, greatest] = [Math.min(...positions), Math.max(...positions)];
  const shared = Math.min(max, greatest) - Math.max(min, least);
  const fit = (shared / (max - min)) * (shared / (greatest - least));
  return shared > 0 && Number.isFinite(fit) ? fit : 0;
}

function notesOf(
  { name }: GraphInput,
  links: readonly Link[],
  dtype: InputDtype,
  basis: Basis,
  found: Found,
): string[] {
  const { unit, codes, possible } = found;
  const looked = Math.min(links.at(-1)!.node.channels, SAMPLED_CHANNELS);
  const few = codes <= possible * FEW_CODES || codes === looked;
  if (basis !== "assumed" && !few) return [];
  const [what, e] = dtype === "f32" ? ["a pixel p of a picture", "p"] : ["an element e", "e"];
  const share = `${few ? "only " : ""}${Math.round(codes / looked)} of ${possible / looked}`;
  const reaches = `${what} stands for ${unitText(unit, e)}, which reaches ${share} codes of "${links.at(-1)!.node.name}"`;
  if (basis !== "assumed") return [`input "${name}": ${reaches}: check --input-scale, --mean and --std`];
  const { min, max, full } = INTEGERS[dtype === "f32" ? "u8" : dtype];
  const other = isIdentity(unit)
    ? `--input-scale 1/${full} takes ${min < 0 ? -1 : 0} … 1`
    : `--input-scale 1 takes ${min} … ${max}`;
  return [
    `input "${name}": the checkpoint leaves open what it takes; ${reaches}. If it was trained on other numbers, declare them: ` +
      `${other}, --mean M --std D takes (${e} / ${full} − M) / D`,
  ];
}
