import { type Unsupported, UnsupportedError } from "../errors.ts";
import { applyNode, type ElementNode, type Form, scalar } from "../graph/form.ts";
import { at, type Quantizer } from "../numbers/quantizer.ts";
import { constants, direction } from "../numbers/step.ts";
import { type Run, runs } from "./runs.ts";

/** Integers that may be looked at one by one, per channel: about 0.1 s. A layer of 256 channels then takes half a minute. */
const EXHAUSTIVE_RANGE = 2 ** 20;

/** The integers that a tensor's elements are. Vectors have length 1 or one entry per channel. */
export interface Source {
  /** Least and greatest element that occurs, proven. */
  min: Float64Array;
  max: Float64Array;
  /** The number that an element stands for, in the form of the chain's first input. Never falls, or never rises. */
  start(element: number, channel: number): number;
  /** `start` is the same for all channels. */
  uniform: boolean;
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
export function storedCode({ source, links, offset }: Chain, element: number, channel: number): number {
  let x = source.start(element, channel);
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

/** The runs of stored codes for each channel, or once if all channels are alike. */
export function chainRuns(chain: Chain): Run[][] {
  return Array.from({ length: isUniform(chain) ? 1 : chain.channels }, (_, channel) => {
    const [min, max] = [at(chain.source.min, channel), at(chain.source.max, channel)];
    const bent = chain.links.find(({ node }) => node.op === "step" && direction(node.step, channel) === undefined);
    if (bent && max - min >= EXHAUSTIVE_RANGE) {
      throw unsupported(
        bent.node,
        `it neither only rises nor only falls, over ${max - min + 1} integers`,
        `at most ${EXHAUSTIVE_RANGE} integers, as from an 8- or 16-bit input`,
      );
    }
    return runs((element) => storedCode(chain, element, channel), min, max, bent === undefined);
  });
}

/** Stored codes of all u8 or i8 elements, by their low 8 bits. Elements that never occur get the nearest one's code. */
export function lookupTable(chain: Chain, dtype: "u8" | "i8"): Int16Array {
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
    vectors.push(...(node.op === "quantize" ? quantizerVectors(node.quantizer) : Object.values(constants(node.step))));
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
