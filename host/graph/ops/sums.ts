import type { Picture } from "../../shape.ts";
import type { Codes } from "../form.ts";
import type { Node } from "../graph.ts";
import type { AddNode } from "./add.ts";
import { type AvgpoolNode, averageScale } from "./avgpool.ts";
import type { Conv2dNode } from "./conv2d.ts";
import type { DenseNode } from "./dense.ts";
import { accumulatorScale } from "./weights.ts";

/** Nodes that make integer sums of codes. */
export type SumNode = DenseNode | Conv2dNode | AvgpoolNode | AddNode;

/** A function of a node for each of them. The type checker proves such a table complete. */
export type SumTable<Args extends unknown[], Result> = {
  [Op in SumNode["op"]]: (node: Extract<SumNode, { op: Op }>, ...args: Args) => Result;
};

/** The function that a table has for a node, called. */
export function ofSum<Args extends unknown[], Result>(
  table: SumTable<Args, Result>,
  node: SumNode,
  ...args: Args
): Result {
  return (table[node.op] as (node: SumNode, ...args: Args) => Result)(node, ...args);
}

export function isSumNode(node: Node): node is SumNode {
  return Object.hasOwn(SCALES, node.op);
}

const SCALES: SumTable<[from: Picture, codes: Codes], Float64Array> = {
  dense: (node, _, codes) => accumulatorScale(node, codes),
  conv2d: (node, _, codes) => accumulatorScale(node, codes),
  avgpool: averageScale,
  add: (_, __, { scale }) => scale,
};

/** Real value of a sum's unit, of length 1 or one entry per channel, for a first operand of this shape and form. */
export function sumScale(node: SumNode, from: Picture, codes: Codes): Float64Array {
  return ofSum(SCALES, node, from, codes);
}
