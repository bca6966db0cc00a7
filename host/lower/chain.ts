import { type Unsupported, UnsupportedError } from "../base/errors.ts";
import { APPLIED, MAX_STEPS } from "../base/limits.ts";
import { applyNode, type ElementNode } from "../graph/element.ts";
import { type Codes, type Form, scalar } from "../graph/form.ts";
import { at, type Quantizer } from "../numbers/quantizer.ts";
import { constants, direction } from "../numbers/step.ts";
import { type Run, runs } from "./runs.ts";

/** How often nodes may still be applied to single integers (limits.ts). */
export interface Budget {
  left: number;
}

/** The integers that a tensor's elements are. Vectors have length 1 or one entry per channel. */
export interface Source {
  /** Least and greatest element that occurs, proven. */
  min: Float64Array;
  max: Float64Array;
  /** The number that an element stands for, in the form of the chain's first input. Never falls, or never rises. */
  start(element: number, channel: number): number;
  /** `start` is the same for all channels. */
  uniform: boolean;
  /** Where few of the integers occur, or `start` is not exact: all of those that do, made when they are looked at. */
  points?: { count: number; make(): Points };
}

/** Integers in their order, one as often as it stands for several numbers, and the number that each stands for; the same for all channels. */
export interface Points {
  elements: Float64Array;
  numbers: Float64Array;
}

/** A node between a source and the codes behind a quantizer, with the forms of its input and output. */
export interface Link {
  node: ElementNode;
  from: Form;
  to: Form;
}

/**
 * What stands between a tensor's elements and the codes behind a quantizer: one function of one integer per channel.
 * The last link gives codes; the stored code is that minus `offset`.
 */
export interface Chain {
  channels: number;
  source: Source;
  links: Link[];
  offset: readonly number[];
}

/** Stored code of an element. Every number on the way must be finite. */
export function storedCode(chain: Chain, element: number, channel: number): number {
  return codeOf(chain, element, chain.source.start(element, channel), channel);
}

/** Stored code of the number `x` that an element stands for. */
export function codeOf(
  { links, offset }: Pick<Chain, "links" | "offset">,
  element: number,
  x: number,
  channel: number,
): number {
  for (const { node, from, to } of links) {
    if (!Number.isFinite(x)) {
      throw unsupported(
        node,
        `its input becomes ${x} in channel ${channel} for the integer ${element}`,
        "finite numbers",
      );
    }
    x = applyNode(node, from, to, x, channel);
  }
  return x - at(offset, channel);
}

/**
 * The runs of stored codes for each channel, or once if all channels are alike. What they may take at most is counted before anything is
 * evaluated. Throws UnsupportedError where that is too much.
 */
export function chainRuns(chain: Chain, budget: Budget = { left: APPLIED.any }): Run[][] {
  const { source, links } = chain;
  const channels = Array.from({ length: isUniform(chain) ? 1 : chain.channels }, (_, channel) => {
    const [min, max] = [at(source.min, channel), at(source.max, channel)];
    const bent = links.find(({ node }) => node.op === "step" && direction(node.step, channel) === undefined);
    return { min, max, bent };
  });
  const { points } = source;
  if (points) {
    charge(budget, points.count * links.length * channels.length, links.at(-1)!.node, "");
    const all = points.make();
    return channels.map((_, channel) => runsOf(chain, all, channel));
  }
  spend(chain, channels, budget);
  return channels.map(({ min, max, bent }, channel) =>
    runs((element) => storedCode(chain, element, channel), min, max, bent === undefined),
  );
}

/** The runs of codes of all elements that occur. Throws UnsupportedError where one stands for numbers of different codes. */
function runsOf(chain: Chain, { elements, numbers }: Points, channel: number): Run[] {
  const found: Run[] = [];
  for (const [i, element] of elements.entries()) {
    const code = codeOf(chain, element, numbers[i]!, channel);
    const last = found.at(-1);
    if (last?.code === code) last.to = element;
    else if (last?.to !== element) found.push({ from: element, to: element, code });
    else {
      const why = `sums that are equal but for the rounding of floats, ${numbers[i]} and ${numbers[i - 1]}, become codes ${code} and ${last.code}`;
      throw unsupported(chain.links.at(-1)!.node, why, "operands of one scale, or scales that are powers of two");
    }
  }
  return found;
}

/** Codes change where an element is a step; a step is found by bisection, and without an order by looking at every element. */
function spend({ links }: Chain, channels: readonly Bounds[], budget: Budget): void {
  const { node, to } = links.at(-1)!;
  const { min, max } = to as Codes;
  let [steps, applied] = [0, 0];
  for (const [channel, bounds] of channels.entries()) {
    const elements = bounds.max - bounds.min + 1;
    const most = Math.min(elements, at(max, channel) - at(min, channel) + 1);
    steps += most;
    applied += links.length * (bounds.bent ? elements : Math.min(elements, most * Math.ceil(Math.log2(elements) + 1)));
  }
  if (steps > MAX_STEPS) {
    throw unsupported(node, `its codes may take ${steps} steps in all channels`, `at most ${MAX_STEPS}`);
  }
  const bent = channels.find((bounds) => bounds.bent)?.bent?.node;
  charge(budget, applied, bent ?? node, bent ? "it neither only rises nor only falls, and so " : "");
}

/** Takes evaluations of nodes from what is left. Throws UnsupportedError where that is too little. */
export function charge(budget: Budget, applied: number, node: ElementNode, because: string): void {
  if (applied > budget.left) {
    const why = `${because}finding its steps in all channels takes up to ${applied} evaluations`;
    const fewer = "by fewer channels, fewer nodes between quantizers, or fewer bits, as from an 8- or 16-bit input";
    throw unsupported(node, why, `at most ${budget.left}, ${fewer}`);
  }
  budget.left -= applied;
}

interface Bounds {
  min: number;
  max: number;
  bent: Link | undefined;
}

/** Stored codes of all u8 or i8 elements, by their low 8 bits. Elements that never occur get the nearest one's code. */
export function lookupTable(chain: Chain, dtype: "u8" | "i8", budget: Budget = { left: APPLIED.any }): Int16Array {
  charge(budget, 256 * chain.links.length, chain.links.at(-1)!.node, "");
  const [min, max] = [at(chain.source.min, 0), at(chain.source.max, 0)];
  return Int16Array.from({ length: 256 }, (_, byte) => {
    const element = dtype === "i8" ? (byte << 24) >> 24 : byte;
    return storedCode(chain, Math.min(Math.max(element, min), max), 0);
  });
}

/** Whether one function serves all channels. */
export function isUniform({ source, links, offset }: Chain): boolean {
  const vectors = [source.min, source.max, Float64Array.from(offset)];
  for (const { node, from } of links) {
    for (const vector of node.op === "quantize"
      ? quantizerVectors(node.quantizer)
      : Object.values(constants(node.step)))
      vectors.push(vector);
    if (from.kind === "codes") vectors.push(from.scale);
  }
  return source.uniform && vectors.every((vector) => scalar(vector) !== undefined);
}

function quantizerVectors(quantizer: Quantizer): Float64Array[] {
  return quantizer.kind === "bipolar" ? [quantizer.scale] : [quantizer.scale, quantizer.zero];
}

function unsupported(node: ElementNode, why: string, instead: string): UnsupportedError {
  const reason: Unsupported = {
    node: node.name,
    op: node.op === "step" ? node.step.kind : node.op,
    shape: `[${node.channels}]`,
    why,
    instead,
  };
  return new UnsupportedError([reason]);
}
