import { InputError } from "../base/errors.ts";
import { shown } from "../base/printable.ts";

/** The least and the greatest real number of a value. */
export type Range = readonly [least: number, greatest: number];

/** Ranges as a blob's description keeps them, of six digits: "0 6.25, -1.5 1.5". */
export function rangesText(ranges: readonly Range[]): string {
  return ranges.map((range) => range.map((x) => Number(x.toPrecision(6))).join(" ")).join(", ");
}

/** Throws InputError for what is no list of ranges. */
export function parseRanges(text: string): Range[] {
  return text === "" ? [] : text.split(", ").map(parseRange);
}

function parseRange(text: string): Range {
  const [least = Number.NaN, greatest = Number.NaN, ...more] = text.split(" ").map(Number);
  if (more.length === 0 && least <= greatest && Number.isFinite(greatest - least)) return [least, greatest];
  throw new InputError(`ranges: found "${shown(text)}", expected the least and the greatest number of a value`);
}
