import { UnsupportedError } from "../base/errors.ts";
import { applyNode } from "../graph/element.ts";
import { type Form, realNumber, scalar } from "../graph/form.ts";
import type { AddNode } from "../graph/ops/add.ts";
import { type Facet, leastOf, planeOf } from "../numbers/plane.ts";
import { at } from "../numbers/quantizer.ts";
import type { Rounding } from "../numbers/round.ts";
import { type Affine, affineStep, isAffine, isBound } from "../numbers/step.ts";
import type { Plane } from "../program.ts";
import { type Budget, type Chain, charge, codeOf, isUniform, type Link, type Source } from "./chain.ts";

/** What a sum adds: integers, and the nodes that make real numbers of them. */
export interface Operand {
  source: Source;
  links: Link[];
  /** Of the numbers that the sum reads. */
  form: Form;
}

/** The sum of an accumulator and a code, in this order, and what stands between it and the codes behind a quantizer. */
export interface MixedChain extends Omit<Chain, "source"> {
  sum: AddNode;
  operands: readonly [Operand, Operand];
}

/** The function of a channel: the stored code of an accumulator and a code, and the integers that occur of both. */
interface Mixed {
  code(x: number, other: number): number;
  ranges: readonly [Range, Range];
}

interface Range {
  min: number;
  max: number;
}

/** y stays below 2^62, whatever a sum of three roundings adds. */
const MAX_BITS = 61;
const MAX_SHIFT = 62;
/** Sums of a sign may be as small as 2^-900. */
const MAX_SCALE = 900;
/** How often the offset of a plane is moved to where the codes that were looked at want it. */
const MAX_MOVES = 8;

/** Where rounding steps from one code to the next, in codes above the lower one. */
const STEPS_AT: Record<Rounding, number> = {
  ...{ ROUND: 0.5, HALF_UP: 0.5, HALF_DOWN: 0.5 },
  ...{ FLOOR: 0, DOWN: 0, CEIL: 1, UP: 1 },
};

/**
 * A plane for each channel, proven to give the codes of every accumulator and every code that occur. For each code both are monotone functions of the accumulator, so
 * they are equal where they are equal at both ends of every run of the plane's codes. Throws UnsupportedError where no plane is found.
 */
export function makePlane(chain: MixedChain, budget: Budget): Plane {
  const bent = [
    ...chain.operands.flatMap(({ links }) => links).filter(({ node }) => !(node.op === "step" && isAffine(node.step))),
    ...chain.links
      .slice(0, -1)
      .filter(({ node }) => !(node.op === "step" && (isAffine(node.step) || isBound(node.step)))),
  ];
  if (bent.length > 0) {
    const why = `"${bent[0]!.node.name}", next to it, bends what is a plane of accumulators and codes`;
    throw unsupported(chain, why, "a quantizer before it on both branches");
  }
  const channels = Array.from({ length: isOne(chain) ? 1 : chain.channels }, (_, channel) => channel);
  return planeOf(channels.map((channel) => facetOf(chain, channel, budget)));
}

/** Whether one function serves all channels. */
function isOne({ operands, ...chain }: MixedChain): boolean {
  return operands.every(({ source, links, form }) => {
    const scales = form.kind === "codes" ? scalar(form.scale) !== undefined : true;
    return scales && isUniform({ ...chain, source, links: [...links, ...chain.links] });
  });
}

/** The plane of a channel: where its slopes leave the offset some room, the middle of it. */
function facetOf(chain: MixedChain, channel: number, budget: Budget): Facet {
  const mixed = functionOf(chain, channel);
  const [accs, codes] = mixed.ranges;
  const links = chain.operands.reduce((sum, operand) => sum + operand.links.length, chain.links.length);
  const charged = (looks: number) => charge(budget, looks * links, chain.links.at(-1)!.node, "");
  charged(2 * (codes.max - codes.min + 1));
  const [lo, hi] = codesOf(mixed);
  let facet = nominal(chain, channel, mixed.ranges, lo, hi);
  const pass = 2 * (codes.max - codes.min + 1) * (Math.min(hi - lo, accs.max - accs.min) + 1);
  let room: Room = {};
  for (let moves = 0; moves <= MAX_MOVES; moves++) {
    charged(pass);
    if (isRight(facet, mixed)) return facet;
    charged(pass);
    room = roomOf(facet, mixed, room);
    const { floor, ceiling } = room;
    if (floor && ceiling && floor.offset > ceiling.offset) throw conflict(chain, channel, floor, ceiling);
    const offset = floor && ceiling ? (floor.offset + ceiling.offset) >> 1n : (floor ?? ceiling)!.offset;
    facet = { ...facet, offset };
  }
  throw unsupported(chain, `no offset of a plane gives its codes in channel ${channel}`, INSTEAD);
}

const INSTEAD = "a quantizer before it on both branches, or scales that are powers of two";

/** Between what the offset of a plane must be. */
interface Room {
  floor?: Bound;
  ceiling?: Bound;
}

/** What the offset of a plane must be at least, or at most, and the pair that wants it so. */
interface Bound {
  offset: bigint;
  x: number;
  other: number;
  code: number;
}

function conflict(chain: MixedChain, channel: number, floor: Bound, ceiling: Bound): UnsupportedError {
  const [a, b] = [floor, ceiling].map(({ x, other, code }) => `${x} and ${other}, which become code ${code}`);
  return unsupported(chain, `no plane tells accumulator and code ${a}, from ${b}, in channel ${channel}`, INSTEAD);
}

function functionOf({ operands, links, offset }: MixedChain, channel: number): Mixed {
  const [a, b] = operands;
  const numbers = new Map<number, number>(); // of the codes
  const range = ({ source }: Operand): Range => ({ min: at(source.min, channel), max: at(source.max, channel) });
  return {
    code(x, other) {
      const second = numbers.get(other) ?? numberOf(b, other, channel);
      numbers.set(other, second);
      return codeOf({ links, offset }, x, numberOf(a, x, channel) + second, channel);
    },
    ranges: [range(a), range(b)],
  };
}

/** The real number that a sum reads for an integer of an operand. */
function numberOf({ source, links, form }: Operand, element: number, channel: number): number {
  let x = source.start(element, channel);
  for (const { node, from, to } of links) x = applyNode(node, from, to, x, channel);
  return realNumber(form, x, channel);
}

/** The least and the greatest code that occur: at the ends of the accumulators. */
function codesOf({ code, ranges: [accs, codes] }: Mixed): [lo: number, hi: number] {
  let [lo, hi] = [Infinity, -Infinity];
  for (let other = codes.min; other <= codes.max; other++) {
    for (const x of [accs.min, accs.max]) {
      lo = Math.min(lo, code(x, other));
      hi = Math.max(hi, code(x, other));
    }
  }
  return [lo, hi];
}

/** Whether a plane gives the codes of every pair: those of both ends of its runs. */
function isRight(facet: Facet, { code, ranges }: Mixed): boolean {
  for (const { other, from, to, found } of runsOf(facet, ranges)) {
    if (code(from, other) !== found || (to !== from && code(to, other) !== found)) return false;
  }
  return true;
}

/** The room that a plane's offset has as far as the ends of its runs tell, beside what is known. */
function roomOf(facet: Facet, { code: codeOf, ranges }: Mixed, { floor, ceiling }: Room): Room {
  const { multiplier, second, lo, hi, shift } = facet;
  for (const { other, from, to } of runsOf(facet, ranges)) {
    for (const x of [from, to]) {
      const code = codeOf(x, other);
      const product = multiplier * BigInt(x) + second * BigInt(other);
      const [least, most] = [leastOf(code, shift) - product, leastOf(code + 1, shift) - 1n - product];
      if (code > lo && !(floor && floor.offset >= least)) floor = { offset: least, x, other, code };
      if (code < hi && !(ceiling && ceiling.offset <= most)) ceiling = { offset: most, x, other, code };
    }
  }
  return { ...(floor && { floor }), ...(ceiling && { ceiling }) };
}

/** The runs of a plane's codes along the accumulators, for each code; `from` is the accumulator of the least y. */
function* runsOf(
  { multiplier, second, offset, lo, hi, shift }: Facet,
  [accs, codes]: Mixed["ranges"],
): Generator<{ other: number; from: number; to: number; found: number }> {
  const sign = multiplier < 0n ? -1 : 1; // falling codes are looked at from the greatest accumulator on
  const slope = multiplier < 0n ? -multiplier : multiplier;
  const [first, last] = sign > 0 ? [accs.min, accs.max] : [-accs.max, -accs.min];
  const next = Array.from({ length: hi - lo }, (_, i) => leastOf(lo + i + 1, shift)); // the least y behind each code
  for (let other = codes.min; other <= codes.max; other++) {
    const level = second * BigInt(other) + offset;
    let found = lo;
    for (let from = first; from <= last; ) {
      const y = slope * BigInt(from) + level;
      while (found < hi && y >= next[found - lo]!) found++;
      const isLast = found === hi || slope === 0n;
      const to = isLast ? last : Math.min(last, from + Number((next[found - lo]! - 1n - y) / slope));
      yield { other, from: sign * from + 0, to: sign * to + 0, found };
      from = to + 1;
    }
  }
}

/** The plane that the constants of the graph describe, in as many bits as 64 have room for. */
function nominal(chain: MixedChain, channel: number, ranges: readonly [Range, Range], lo: number, hi: number): Facet {
  const [a, b] = chain.operands.map((operand, i) => lineOf(operand, ranges[i]!, channel));
  const { quantizer } = (chain.links.at(-1) as Link & { node: { op: "quantize" } }).node;
  let sum = { slope: 1, intercept: a!.intercept + b!.intercept };
  for (const { node } of chain.links.slice(0, -1))
    if (node.op === "step") sum = affineStep(node.step, sum, channel) ?? sum;
  const isSign = quantizer.kind === "bipolar";
  const unit = isSign ? 1 : at(quantizer.scale, channel);
  const slopes = [a!, b!].map(({ slope }) => (slope * sum.slope) / unit);
  const intercept = sum.intercept / unit - (isSign ? 0 : at(chain.offset, channel));
  const farthest = ({ min, max }: Range) => Math.max(Math.abs(min), Math.abs(max), 1);
  const reach =
    Math.abs(slopes[0]!) * farthest(ranges[0]) + Math.abs(slopes[1]!) * farthest(ranges[1]) + Math.abs(intercept);
  const bits = MAX_BITS - Math.ceil(Math.log2(isSign ? Math.max(reach, 2 ** -MAX_SCALE) : reach + 2));
  // a sign steps from −1 to +1 at 0, so its plane is as steep as 64 bits allow, and no y becomes code 0
  const shift = isSign ? 1 : Math.min(bits, MAX_SHIFT);
  if (!Number.isFinite(bits) || shift < 1) {
    throw unsupported(chain, `its sums are ${reach} codes large in channel ${channel}`, `at most 2^${MAX_BITS - 1}`);
  }
  const scale = 2 ** (isSign ? bits : shift);
  const fixed = (x: number) => BigInt(Math.round(x * scale));
  const step = isSign ? 0 : STEPS_AT[quantizer.rounding];
  const half = isSign ? 2n : fixed(step) - (step > 0 ? 1n : 0n);
  return { multiplier: fixed(slopes[0]!), second: fixed(slopes[1]!), offset: fixed(intercept) + half, lo, hi, shift };
}

/** The line of an operand's numbers through the least and the greatest integer that occur. */
function lineOf({ source, links, form }: Operand, { min, max }: Range, channel: number): Affine {
  const [first, last] = [source.start(min, channel), source.start(max, channel)];
  const slope = max > min ? (last - first) / (max - min) : 0;
  const input = links[0]?.from ?? form;
  const unit = realNumber(input, 1, channel);
  let line: Affine = { slope: slope * unit, intercept: (first - slope * min) * unit };
  for (const { node } of links) if (node.op === "step") line = affineStep(node.step, line, channel) ?? line;
  return line;
}

function unsupported({ sum, channels }: MixedChain, why: string, instead: string): UnsupportedError {
  return new UnsupportedError([{ node: sum.name, op: "add", shape: `[${channels}]`, why, instead }]);
}
