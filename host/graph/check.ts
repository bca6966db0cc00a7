import { GraphError, UnsupportedError } from "../base/errors.ts";
import { type Graph, rowSize } from "./graph.ts";
import { meaningOf } from "./ops/index.ts";
import { unsupportedIn } from "./supported.ts";

/**
 * Checks that a graph means something: every value defined once and before use, every constant of the right length, every
 * dense node fed with codes of one scale. Throws GraphError, or UnsupportedError with all that `supported.ts` finds.
 */
export function checkGraph(graph: Graph): void {
  const fail = (where: string, message: string): never => {
    throw new GraphError(graph.name, where, message);
  };
  const channels = new Map<string, number>();
  const define = (where: string, value: string, count: number) => {
    if (channels.has(value)) fail(where, `defines "${value}" a second time`);
    if (!(Number.isInteger(count) && count > 0)) fail(where, `"${value}" has ${count} channels, expected at least 1`);
    channels.set(value, count);
  };

  for (const { name, shape } of graph.inputs) {
    define(`input "${name}"`, name, rowSize(shape));
  }
  const ends = new Set<string>();
  for (const node of graph.nodes) {
    const where = `${node.op} "${node.name}"`;
    const meaning = meaningOf(node);
    if (node.inputs.length !== meaning.inputs) {
      fail(where, `reads ${node.inputs.length} values, expected ${meaning.inputs}`);
    }
    const inputs = node.inputs.map((input) => {
      if (ends.has(input)) fail(where, `reads "${input}", but softmax and argmax only serve outputs`);
      return channels.get(input) ?? fail(where, `reads "${input}", which no node before it defines`);
    });
    const expected = meaning.channels(node, inputs);
    if (node.channels !== expected) fail(where, `${node.channels} channels, expected ${expected}`);
    const problem = meaning.problem(node, inputs);
    if (problem) fail(where, problem);
    define(where, node.output, node.channels);
    if (meaning.role === "end") ends.add(node.output);
  }
  if (graph.outputs.length === 0) fail("outputs", "none, expected at least one");
  for (const output of graph.outputs) {
    if (!channels.has(output)) fail(`output "${output}"`, "no node defines it");
  }

  const reasons = unsupportedIn(graph);
  if (reasons.length > 0) throw new UnsupportedError(reasons);
}
