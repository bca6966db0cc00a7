import type { Codes } from "../../graph/form.ts";
import type { NodeBase } from "../../graph/node.ts";
import type { WeightedNodes } from "../../graph/ops/weighted.ts";
import { accumulatorScale } from "../../graph/ops/weights.ts";
import { at } from "../../numbers/quantizer.ts";
import type { Builder } from "../builder.ts";
import { compact, type Elements, isScalar } from "../elements.ts";
import { accumulatorOffset, accumulatorRange, weightDtype } from "../weights.ts";
import type { Described } from "./lowering.ts";

/** Accumulators of a layer over stored codes. A tap outside the input is a code of the input's range, or nothing. */
export function sumElements(node: WeightedNodes, { plan, form, elements }: Described): Elements | undefined {
  const [value] = node.inputs as [string];
  weightDtype(node);
  const input = elements.get(plan.sameCodes(value));
  if (!input) return undefined; // refused for a reason that is on the list
  const { channels, source } = input;
  const offset = compact(accumulatorOffset(node, channels, input.offset));
  const scale = accumulatorScale(node, form.get(value) as Codes);
  const zero = padElement(input) ?? 0;
  return {
    dtype: "i32",
    channels: node.channels,
    offset,
    source: {
      ...accumulatorRange(
        node,
        channels,
        source.min.map((least) => Math.min(least, zero)),
        source.max.map((greatest) => Math.max(greatest, zero)),
      ),
      start: (element, channel) => (element + at(offset, channel)) * at(scale, channel),
      uniform: isScalar(offset) && isScalar(scale),
    },
  };
}

/** The tensors that the op of a node that makes sums reads: that of its input and, of a plane, that of its second input. */
export function tensorsOf({ inputs }: NodeBase, builder: Builder, second?: string): number[] {
  return [...inputs, ...(second === undefined ? [] : [second])].map((value) => builder.tensorOf(value));
}

/** The element that stands for real 0; undefined where none does in all channels. */
export function padElement({ dtype, offset }: Elements): number | undefined {
  if (offset.length > 1) return undefined;
  const element = -offset[0]!;
  const [least, most] = dtype === "u8" ? [0, 255] : [-128, 127];
  return element >= least && element <= most ? element + 0 : undefined;
}
