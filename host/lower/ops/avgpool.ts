import { UnsupportedError } from "../../base/errors.ts";
import type { Codes } from "../../graph/form.ts";
import { type AvgpoolNode, averageScale } from "../../graph/ops/avgpool.ts";
import { tapsInside } from "../../graph/ops/window.ts";
import { at } from "../../numbers/quantizer.ts";
import type { AvgpoolOp } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import type { Builder } from "../builder.ts";
import { isScalar } from "../elements.ts";
import { isAccumulator } from "../weights.ts";
import type { OpLowering } from "./lowering.ts";
import { tensorsOf } from "./sums.ts";
import { storedWindow } from "./window.ts";

export const avgpoolLowering: OpLowering<AvgpoolNode> = {
  /** Sums of stored codes, of as many taps as a window has inside the input. */
  elements(node, { plan, shapes, form, elements }) {
    const [value] = node.inputs as [string];
    const input = elements.get(plan.sameCodes(value));
    if (!input) return undefined; // refused for a reason that is on the list
    const from = shapes.get(value)!;
    const { rows, columns } = tapsInside(node.window, from);
    const [least, most] = [Math.min, Math.max].map((end) => end(...rows) * end(...columns)) as [number, number];
    const refuse = (why: string, instead: string): never => {
      throw new UnsupportedError([{ node: node.name, op: "avgpool", shape: `[${shapeText(from)}]`, why, instead }]);
    };
    if (least < most && input.offset.some((offset) => offset !== 0)) {
      refuse("it is padded with 0, and a byte holds the codes of its input counted from another code", "zero point 0");
    }
    const { source } = input;
    const min = source.min.map((code) => Math.min(least * code, most * code));
    const max = source.max.map((code) => Math.max(least * code, most * code));
    if (![...min, ...max].every(isAccumulator)) {
      const range = `${Math.min(...min)} … ${Math.max(...max)}`;
      refuse(`a window of ${most} positions sums to ${range}, beyond 32 bits`, "fewer bits or a smaller window");
    }
    const offset = input.offset.map((each) => each * most);
    const scale = averageScale(node, from, form.get(value) as Codes);
    return {
      dtype: "i32",
      channels: node.channels,
      offset,
      source: {
        min,
        max,
        start: (element, channel) => (element + at(offset, channel)) * at(scale, channel),
        uniform: isScalar(offset) && isScalar(scale),
      },
    };
  },

  /** A pool whose sums nobody else reads is one op with the quantizer behind it (codes.ts). */
  lower(node, builder) {
    if (builder.plan.sums.has(node.output)) addAvgpool(node, node.output, builder);
  },
};

/** The op of a pool, whose output is its sums or, with a post, codes. */
export function addAvgpool(
  node: AvgpoolNode,
  output: string,
  builder: Builder,
  post?: AvgpoolOp["post"],
  second?: string,
): void {
  const window = storedWindow(node, builder);
  const inputs = tensorsOf(node, builder, second);
  const op: AvgpoolOp = { kind: "avgpool", inputs, output: builder.addTensor(output), window, ...(post && { post }) };
  builder.addOp(op, { node: node.name });
}
