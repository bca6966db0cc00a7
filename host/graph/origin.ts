import type { DenseNode, Graph, Node, QuantizeNode } from "./graph.ts";

/** Nodes of a graph by the value that they define. */
export function producers(graph: Graph): Map<string, Node> {
  return new Map(graph.nodes.map((node) => [node.output, node]));
}

/** Where a value comes from, back through per-element steps, softmax and argmax. */
export interface Origin {
  /** Undefined where it is an input of the graph. */
  node: QuantizeNode | DenseNode | undefined;
  /** The node's value, or the input. */
  value: string;
  /** The nodes passed, in the order of the graph. */
  between: Node[];
}

export function originOf(value: string, producer: ReadonlyMap<string, Node>): Origin {
  const between: Node[] = [];
  for (;;) {
    const node = producer.get(value);
    if (!node || node.op === "quantize" || node.op === "dense") return { node, value, between: between.reverse() };
    between.push(node);
    value = node.input;
  }
}

/** Nodes that an output depends on. */
export function liveNodes(graph: Graph): Node[] {
  const live = new Set(graph.outputs);
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (live.has(node.output)) live.add(node.input);
    return live.has(node.output);
  });
  return nodes.reverse();
}
