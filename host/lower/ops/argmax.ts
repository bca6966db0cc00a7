import { UnsupportedError } from "../../base/errors.ts";
import { MAX_STEPS } from "../../base/limits.ts";
import type { ArgmaxNode } from "../../graph/ops/argmax.ts";
import type { ArgmaxOp, DenseOp } from "../../program.ts";
import type { Builder } from "../builder.ts";
import { realElements } from "../elements.ts";
import { fixedScores } from "../scores.ts";
import type { OpLowering } from "./lowering.ts";

export const argmaxLowering: OpLowering<ArgmaxNode> = {
  /** The index. */
  elements({ inputs: [input] }, { plan }) {
    return {
      dtype: "i32",
      channels: 1,
      offset: [0],
      source: {
        min: Float64Array.of(0),
        max: Float64Array.of(plan.definer(input!)!.channels - 1),
        start: (element) => element,
        uniform: true,
      },
    };
  },

  lower(node, builder) {
    const { plan, form, elements } = builder;
    const { base, steps } = plan.tail(node.inputs[0]!);
    const value = plan.sameCodes(base);
    const [sums, baseForm] = [elements.get(value)!, form.get(base)!];
    const isCodes = baseForm.kind === "codes";
    const input = isCodes ? addSums(value, node, builder) : builder.tensorOf(value);
    const { post, note } = fixedScores(node, isCodes ? realElements(sums, baseForm) : sums, steps);
    if (note) builder.notes.push(`"${node.output}": ${note}`);
    const output = builder.addTensor(node.output);
    const op: ArgmaxOp = { kind: "argmax", inputs: [input], output, ...(post && { post }) };
    builder.addOp(op, { node: node.name });
  },
};

/** Codes as accumulators, which is what an argmax reads: sums of a dense op whose weights are the identity. */
function addSums(codes: string, node: ArgmaxNode, builder: Builder): number {
  const { channels, offset } = builder.elements.get(codes)!;
  if (channels ** 2 > MAX_STEPS) {
    const why = `it ranks ${channels} codes, whose sums take as many weights as their square`;
    const instead = `at most ${Math.sqrt(MAX_STEPS)} codes, or the scores that they are made from`;
    throw new UnsupportedError([{ node: node.name, op: "argmax", shape: `[${channels}]`, why, instead }]);
  }
  const output = builder.addPlain({ dtype: "i32", height: 1, width: 1, channels }, { value: codes, offset });
  const op: DenseOp = {
    kind: "dense",
    inputs: [builder.tensorOf(codes)],
    output,
    dtype: channels === 1 ? "binary" : "ternary",
    weights: Int8Array.from({ length: channels ** 2 }, (_, i) => (i % (channels + 1) === 0 ? 1 : 0)),
  };
  builder.addOp(op, { node: node.name });
  return output;
}
