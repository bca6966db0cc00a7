import { GraphError, UnsupportedError } from "../base/errors.ts";
import { elementCount, type Picture, shapeText } from "../shape.ts";
import type { Graph } from "./graph.ts";
import { meaningOf } from "./ops/index.ts";
import { inputPicture } from "./shapes.ts";
import { unsupportedIn } from "./supported.ts";

/**
 * Checks that a graph means something: every value defined once and before use, every constant of the right length, every
 * dense node fed with codes of one scale, but in a float graph. Throws GraphError, or UnsupportedError with all that `supported.ts` finds.
 */
export function checkGraph(graph: Graph): void {
  const fail = (where: string, message: string): never => {
    throw new GraphError(graph.name, where, message);
  };
  const shapes = new Map<string, Picture>();
  const define = (where: string, value: string, shape: Picture) => {
    if (shapes.has(value)) fail(where, `defines "${value}" a second time`);
    const count = elementCount(shape);
    if (!(Number.isInteger(count) && count > 0)) {
      fail(where, `"${value}" has ${shapeText(shape)} channels, expected at least 1`);
    }
    shapes.set(value, shape);
  };

  for (const input of graph.inputs) define(`input "${input.name}"`, input.name, inputPicture(input));
  const ends = new Set<string>();
  for (const node of graph.nodes) {
    const where = `${node.op} "${node.name}"`;
    const meaning = meaningOf(node);
    const reads = meaning.inputsOf?.(node) ?? meaning.inputs;
    if (node.inputs.length !== reads) fail(where, `reads ${node.inputs.length} values, expected ${reads}`);
    const inputs = node.inputs.map((input) => {
      if (ends.has(input)) fail(where, `reads "${input}", but softmax and argmax only serve outputs`);
      return shapes.get(input) ?? fail(where, `reads "${input}", which no node before it defines`);
    });
    const shape = meaning.shape(node, inputs);
    if (node.channels !== shape.channels) fail(where, `${node.channels} channels, expected ${shape.channels}`);
    const problem = meaning.problem(node, inputs);
    if (problem) fail(where, problem);
    define(where, node.output, shape);
    if (meaning.role === "end") ends.add(node.output);
  }
  if (graph.outputs.length === 0) fail("outputs", "none, expected at least one");
  for (const output of graph.outputs) {
    if (!shapes.has(output)) fail(`output "${output}"`, "no node defines it");
  }

  if (graph.isFloat) return;
  const reasons = unsupportedIn(graph);
  if (reasons.length > 0) throw new UnsupportedError(reasons);
}
