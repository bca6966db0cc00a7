import type { Graph, Node } from "./graph.ts";

/** Nodes that an output depends on. */
export function liveNodes(graph: Graph): Node[] {
  const live = new Set(graph.outputs);
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (live.has(node.output)) for (const input of node.inputs) live.add(input);
    return live.has(node.output);
  });
  return nodes.reverse();
}
