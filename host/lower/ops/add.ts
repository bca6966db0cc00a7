import { UnsupportedError } from "../../base/errors.ts";
import { type Codes, isOneScale } from "../../graph/form.ts";
import { type AddNode, addFactors, addUnit, isMixedSum, rescaled } from "../../graph/ops/add.ts";
import { at, zip } from "../../numbers/quantizer.ts";
import type { AddOp } from "../../program.ts";
import type { Builder } from "../builder.ts";
import type { Source } from "../chain.ts";
import { compact, type Elements, isScalar } from "../elements.ts";
import type { OpLowering } from "./lowering.ts";

export const addLowering: OpLowering<AddNode> = {
  /** Sums of stored codes, times their factors. */
  elements(node, { plan, form, elements }) {
    if (isMixedSum(node, form)) {
      if (!plan.sums.has(node.output)) return undefined; // no tensor holds them: they are made to codes where the accumulators are made
      throw unsupported(node, "an output shows its sums, of an accumulator and a code", "a quantizer between them");
    }
    const [a, b] = node.inputs.map((input) => elements.get(plan.sameCodes(input)));
    if (!a || !b) return undefined; // refused for a reason that is on the list
    const [formA, formB] = node.inputs.map((input) => form.get(input) as Codes) as [Codes, Codes];
    const factors = addFactors(formA, formB, node.rescale)!;
    const weigh = (x: number, y: number) => factors[0] * x + factors[1] * y;
    const ends = [
      zip(factors[0] < 0 ? a.source.max : a.source.min, factors[1] < 0 ? b.source.max : b.source.min, weigh),
      zip(factors[0] < 0 ? a.source.min : a.source.max, factors[1] < 0 ? b.source.min : b.source.max, weigh),
    ] as const;
    const offset = compact(zip(a.offset, b.offset, weigh));
    const unit = addUnit(formA, formB);
    const points =
      !node.rescale && isOneScale(formA, formB) ? undefined : pointsOf(node, [a, b], [formA, formB], weigh);
    if (points && plan.shown.has(node.output)) {
      const why = "an output shows its sums, and the scales of its operands differ";
      throw unsupported(node, why, "a quantizer between them, or quantizers of one scale right before it");
    }
    return {
      dtype: "i32",
      channels: node.channels,
      offset,
      source: {
        min: ends[0],
        max: ends[1],
        start: (element, channel) => (element + at(offset, channel)) * at(unit, channel),
        uniform: isScalar(offset) && isScalar(unit),
        ...(points && { points }),
      },
    };
  },

  /** A sum that nobody else reads is one op with the quantizer behind it (codes.ts). */
  lower(node, builder) {
    if (builder.plan.sums.has(node.output)) addSum(node, node.output, builder);
  },
};

/** All sums that occur, each with the number that it stands for: what the graph computes of the two codes. At most 65,536. */
function pointsOf(
  node: AddNode,
  operands: readonly [Elements, Elements],
  forms: readonly [Codes, Codes],
  weigh: (x: number, y: number) => number,
): NonNullable<Source["points"]> {
  const ranges = operands.map(({ offset, source }, i) => {
    if (!isScalar(offset)) {
      const why = `codes of its operand "${node.inputs[i]}" are counted from another one in each channel`;
      throw unsupported(node, why, "codes of at most 8 bits");
    }
    const least = source.min.reduce((x, y) => Math.min(x, y));
    return { least, length: source.max.reduce((x, y) => Math.max(x, y)) - least + 1 };
  });
  return {
    count: ranges.reduce((product, { length }) => product * length, 1),

    make() {
      const [a, b] = ranges.map(({ least, length }, i) =>
        Array.from({ length }, (_, code): Code => {
          const own = least + code + operands[i]!.offset[0]!;
          const number = node.rescale ? rescaled(node.rescale[i]!, own) : own * forms[i]!.scale[0]!;
          return { element: least + code, number };
        }),
      ) as [Code[], Code[]];
      const pairs = a.flatMap((x) =>
        b.map((y): Code => ({ element: weigh(x.element, y.element), number: x.number + y.number })),
      );
      pairs.sort((x, y) => x.element - y.element);
      return {
        elements: Float64Array.from(pairs, ({ element }) => element),
        numbers: Float64Array.from(pairs, ({ number }) => number),
      };
    },
  };
}

/** A stored code, and the real number that it stands for. */
interface Code {
  element: number;
  number: number;
}

function unsupported({ name, channels }: AddNode, why: string, instead: string): UnsupportedError {
  return new UnsupportedError([{ node: name, op: "add", shape: `[${channels}]`, why, instead }]);
}

/** The op of a sum, whose output is the integers or, with a post, codes. */
export function addSum(node: AddNode, output: string, builder: Builder, post?: AddOp["post"]): void {
  const inputs = node.inputs.map((input) => builder.tensorOf(input));
  const [a, b] = node.inputs.map((input) => builder.form.get(input)!);
  const op: AddOp = {
    kind: "add",
    inputs,
    output: builder.addTensor(output),
    factors: addFactors(a!, b!, node.rescale)!,
  };
  builder.addOp({ ...op, ...(post && { post }) }, { node: node.name });
}
