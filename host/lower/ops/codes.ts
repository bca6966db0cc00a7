import type { Codes } from "../../graph/form.ts";
import type { QuantizeNode } from "../../graph/ops/quantize.ts";
import type { StepNode } from "../../graph/ops/step.ts";
import { isSumNode, ofSum, type SumNode, type SumTable } from "../../graph/ops/sums.ts";
import type { Op, StepsPost, SumsPost } from "../../program.ts";
import type { Builder } from "../builder.ts";
import { type Chain, isUniform, type Link, lookupTable } from "../chain.ts";
import { codeCount, codeElements, MAX_CODES, reachedCodes } from "../elements.ts";
import { makePlane, type Operand } from "../plane.ts";
import { makePost } from "../post.ts";
import { addSum } from "./add.ts";
import { addAvgpool } from "./avgpool.ts";
import { addConv2d } from "./conv2d.ts";
import { addDense } from "./dense.ts";
import type { OpLowering } from "./lowering.ts";

/** Quantizers and ReLUs behind them: what stands between a tensor and codes is one function of one integer per channel. */
export const codesLowering: OpLowering<QuantizeNode | StepNode> = {
  elements({ name, output: value, channels }, { plan, form, elements }) {
    if (!plan.codes.has(value)) return undefined;
    const codes = form.get(value) as Codes;
    const { base, links } = plan.chain(value);
    const source = elements.get(base)?.source;
    const wide = source && codeCount(codes) > MAX_CODES;
    const held = wide ? reachedCodes(codes, { channels, source, links, offset: [0] }) : codes;
    return codeElements(name, channels, held, plan.bits.has(value));
  },

  lower({ output }, builder) {
    if (builder.plan.codes.has(output) && !builder.plan.isFirst(output)) addCodes(output, builder);
  },
};

/** The op that makes codes: from the tensor before them, or at the end of a dense node. */
export function addCodes(value: string, builder: Builder): void {
  const { plan, elements, budget } = builder;
  const { base, links } = plan.chain(value);
  if (plan.mixed(base)) {
    addMixedCodes(value, base, links, builder);
    return;
  }
  const [from, to] = [elements.get(base)!, elements.get(value)!];
  const chain: Chain = { channels: to.channels, source: from.source, links, offset: to.offset };
  const name = { node: links.at(-1)!.node.name };
  const quantize = (post: Extract<Op, { kind: "quantize" }>["post"]) => {
    const inputs = [builder.tensorOf(base)];
    builder.addOp({ kind: "quantize", inputs, output: builder.addTensor(value), post }, name);
  };

  if ((from.dtype === "u8" || from.dtype === "i8") && isUniform(chain)) {
    const table = lookupTable(chain, from.dtype, budget);
    const unchanged = from.dtype === to.dtype && isIdentity(table, from.dtype);
    if (unchanged && plan.definer(base) === undefined && !plan.shown.has(value)) {
      builder.setTensor(value, builder.tensorOf(base));
    } else quantize({ kind: "lookup", table });
    return;
  }

  const { post, note } = makePost(chain, from.dtype, to.dtype, budget);
  if (note) builder.notes.push(`"${value}": ${note}`);
  const node = plan.definer(base);
  if (node && isSumNode(node) && !plan.sums.has(base)) ofSum(ADD, node, value, builder, post);
  else quantize(post);
}

/** The op that makes codes of a mixed sum: at the end of what makes its accumulators, or from their tensor. */
function addMixedCodes(value: string, sum: string, links: Link[], builder: Builder): void {
  const { plan, form, elements, budget } = builder;
  const { node, operands } = plan.mixed(sum)!;
  const [made, other] = operands;
  const described = operands.map((operand): Operand => {
    return { source: elements.get(operand.base)!.source, links: operand.links, form: form.get(operand.value)! };
  }) as [Operand, Operand];
  const { channels, offset } = elements.get(value)!;
  const post = makePlane({ channels, sum: node, operands: described, links, offset }, budget);
  const name = { node: links.at(-1)!.node.name };
  const maker = plan.definer(made.base) as SumNode;
  if (!plan.sums.has(made.base)) ofSum(ADD, maker, value, builder, post, other.base);
  else {
    const inputs = [made.base, other.base].map((input) => builder.tensorOf(input));
    builder.addOp({ kind: "quantize", inputs, output: builder.addTensor(value), post }, name);
  }
}

/** What adds the op of each node that makes sums, whose output is codes by a post; of a plane, with the value of its second input. */
const ADD: SumTable<[output: string, builder: Builder, post: SumsPost, second?: string], void> = {
  dense: addDense,
  conv2d: addConv2d,
  avgpool: addAvgpool,
  add: (node, output, builder, post) => addSum(node, output, builder, post as StepsPost), // no operand of a mixed sum (supported.ts)
};

/** Whether a lookup table gives every element as it is. */
function isIdentity(table: Int16Array, dtype: "u8" | "i8"): boolean {
  return table.every((code, byte) => code === (dtype === "i8" ? (byte << 24) >> 24 : byte));
}
