import { at } from "../../numbers/quantizer.ts";
import { shapeText } from "../../shape.ts";
import { type Codes, REAL, scalar } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers } from "./meaning.ts";

/**
 * Two values as one: at every position the channels of the first, then those of the second. Both must be codes; where their scales differ, so do those of
 * the result, channel by channel.
 */
export interface ConcatNode extends NodeBase {
  op: "concat";
  /** Channels of the first value. */
  first: number;
}

export const concatMeaning: OpMeaning<ConcatNode> = {
  role: "codes",
  readsCodes: true,
  inputs: 2,
  shape: (_, [a, b]) => ({ ...a!, channels: a!.channels + b!.channels }),

  problem({ first }, [a, b]) {
    if (a!.height !== b!.height || a!.width !== b!.width) {
      return `reads ${shapeText(a!)} and ${shapeText(b!)} channels, expected as many positions of both`;
    }
    return first === a!.channels ? undefined : `reads ${a!.channels} channels first, expected ${first}`;
  },

  form({ first, channels }, [a, b]) {
    if (a!.kind === "real" || b!.kind === "real") return REAL;
    const [x, y] = [a, b] as [Codes, Codes];
    const joined = (of: (codes: Codes) => Float64Array) => join(of(x), of(y), first, channels);
    return {
      kind: "codes",
      scale: joined(({ scale }) => scale),
      min: joined(({ min }) => min),
      max: joined(({ max }) => max),
      bipolar: x.bipolar && y.bipolar,
    };
  },

  evaluate({ first }, [a, b], { numbers, channels, form }) {
    const isCodes = form.kind === "codes";
    const [x, y] = isCodes ? [a!.numbers, b!.numbers] : [realNumbers(a!), realNumbers(b!)];
    const others = channels - first;
    for (let to = 0, position = 0; to < numbers.length; to += channels, position++) {
      numbers.set(x.subarray(position * first, (position + 1) * first), to);
      numbers.set(y.subarray(position * others, (position + 1) * others), to + first);
    }
    return isCodes ? numbers : undefined;
  },
};

/** A vector of `first` channels and one of the others, each of length 1 or one entry per channel, as one; of length 1 where all entries are equal. */
export function join(a: ArrayLike<number>, b: ArrayLike<number>, first: number, channels: number): Float64Array {
  if (a.length === 1 && b.length === 1 && a[0] === b[0]) return Float64Array.of(a[0]!);
  const whole = Float64Array.from({ length: channels }, (_, c) => (c < first ? at(a, c) : at(b, c - first)));
  return scalar(whole) === undefined ? whole : whole.slice(0, 1);
}
