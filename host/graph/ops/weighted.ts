import type { Node } from "../graph.ts";
import type { Conv2dNode } from "./conv2d.ts";
import type { DenseNode } from "./dense.ts";

/** Nodes that multiply codes by constant weights. */
export type WeightedNodes = DenseNode | Conv2dNode;

export function isWeighted(node: Node): node is WeightedNodes {
  return "weights" in node;
}

/** The input channel, of so many, that weight k of output channel m multiplies. */
export function inputChannelOf(node: WeightedNodes, channels: number): (m: number, k: number) => number {
  if (node.op === "dense") return (_, k) => k % channels;
  const [own, span] = [channels / node.groups, node.weights.outputs / node.groups];
  return (m, k) => Math.floor(m / span) * own + (k % own);
}
