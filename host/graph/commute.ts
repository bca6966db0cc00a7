import { direction } from "../numbers/step.ts";
import { forms } from "./forms.ts";
import type { Graph, Node } from "./graph.ts";
import { freshNames, valueNames } from "./names.ts";
import type { MaxpoolNode } from "./ops/maxpool.ts";

/**
 * Moves max pools of real numbers behind the quantizers that read them, since integers can only compare codes: of a function that never falls, the greatest
 * value is that of the greatest number, exactly, in every rounding. Batch norm, ReLU and the like may stand before the pool or, with factors above 0,
 * between it and the quantizer. Pools that no such quantizer reads stay where they are, for `supported.ts` to refuse. Notes name what was moved.
 */
export function movePools(graph: Graph): { graph: Graph; notes: string[] } {
  const form = forms(graph);
  const fresh = freshNames(valueNames(graph));
  const nodes: Node[] = [];
  const notes = new Set<string>();
  /** Of pooled values that still are real numbers: what they are pooled from, and by which pools. */
  const waiting = new Map<string, { from: string; pools: MaxpoolNode[] }>();

  const pool = (from: string, pools: readonly MaxpoolNode[], output: string): void => {
    for (const [i, each] of pools.entries()) {
      const to = i === pools.length - 1 ? output : fresh(`${output}_pooled`);
      nodes.push({ ...each, inputs: [from], output: to });
      from = to;
    }
  };
  /** Puts the pools of a value where they were, for those who read it as it is. */
  const settle = (value: string): void => {
    const held = waiting.get(value);
    if (!held) return;
    waiting.delete(value);
    pool(held.from, held.pools, value);
  };

  for (const node of graph.nodes) {
    const [input] = node.inputs as [string];
    const held = waiting.get(input);
    if (node.op === "maxpool" && form.get(input)!.kind === "real") {
      waiting.set(node.output, { from: held?.from ?? input, pools: [...(held?.pools ?? []), node] });
    } else if (held && neverFalls(node)) {
      const from = fresh(`${node.output}_unpooled`);
      nodes.push({ ...node, inputs: [held.from], output: from });
      if (node.op === "quantize") {
        pool(from, held.pools, node.output);
        for (const { name } of held.pools) notes.add(`max pool "${name}" is computed behind quantizer "${node.name}"`);
      } else waiting.set(node.output, { from, pools: held.pools });
    } else {
      node.inputs.forEach(settle);
      nodes.push(node);
    }
  }
  graph.outputs.forEach(settle);
  return notes.size === 0 ? { graph, notes: [] } : { graph: { ...graph, nodes }, notes: [...notes] };
}

/** Whether greater numbers never become lesser ones, in any channel. */
function neverFalls(node: Node): boolean {
  if (node.op === "quantize") return node.quantizer.scale.every((scale) => scale > 0);
  if (node.op !== "step") return false;
  const { channels, step } = node;
  return Array.from({ length: channels }, (_, c) => direction(step, c)).every((each) => each === 1 || each === 0);
}
