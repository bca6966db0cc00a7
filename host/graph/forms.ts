import { type Form, REAL } from "./form.ts";
import type { Graph } from "./graph.ts";
import { meaningOf } from "./ops/index.ts";

/** The form of every value. */
export function forms(graph: Graph): Map<string, Form> {
  const result = new Map<string, Form>(graph.inputs.map((input) => [input.name, REAL]));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value) => result.get(value)!);
    result.set(node.output, meaningOf(node).form(node, inputs));
  }
  return result;
}
