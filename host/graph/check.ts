import { GraphError, UnsupportedError } from "../base/errors.ts";
import type { Quantizer } from "../numbers/quantizer.ts";
import { constants, type Step } from "../numbers/step.ts";
import type { Graph, Node, Weights } from "./graph.ts";
import { unsupportedIn } from "./supported.ts";

/** Quantizers wider than this have codes that no 32-bit integer holds. */
const MAX_BITS = 32;

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
    const input = channels.get(node.input) ?? fail(where, `reads "${node.input}", which no node before it defines`);
    if (ends.has(node.input)) fail(where, `reads "${node.input}", but softmax and argmax only serve outputs`);
    const problem = nodeProblem(node, input);
    if (problem) fail(where, problem);
    define(where, node.output, node.channels);
    if (node.op === "softmax" || node.op === "argmax") ends.add(node.output);
  }
  if (graph.outputs.length === 0) fail("outputs", "none, expected at least one");
  for (const output of graph.outputs) {
    if (!channels.has(output)) fail(`output "${output}"`, "no node defines it");
  }

  const reasons = unsupportedIn(graph);
  if (reasons.length > 0) throw new UnsupportedError(reasons);
}

/** Numbers in a row of this shape. */
export function rowSize(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** What is wrong with a node whose input has `input` channels. */
function nodeProblem(node: Node, input: number): string | undefined {
  const expected = node.op === "dense" ? node.weights.outputs : node.op === "argmax" ? 1 : input;
  if (node.channels !== expected) return `${node.channels} channels, expected ${expected}`;
  switch (node.op) {
    case "dense":
      return weightsProblem(node.weights, input);
    case "quantize":
      return quantizerProblem(node.quantizer, node.channels);
    case "step":
      return stepProblem(node.step, node.channels);
  }
}

function weightsProblem(weights: Weights, input: number): string | undefined {
  const { name, outputs, inputs, codes, scale } = weights;
  if (inputs !== input) return `weights "${name}" have ${inputs} inputs, expected ${input}`;
  if (codes.length !== outputs * inputs)
    return `weights "${name}" hold ${codes.length} codes, expected ${outputs * inputs}`;
  return vectorProblem(`scale of weights "${name}"`, scale, outputs, Number.isFinite, "finite numbers");
}

function quantizerProblem(quantizer: Quantizer, channels: number): string | undefined {
  const usable = (s: number) => Number.isFinite(s) && s !== 0;
  const scale = vectorProblem("scale", quantizer.scale, channels, usable, "finite numbers other than 0");
  if (scale || quantizer.kind === "bipolar") return scale;
  const { bits, zero } = quantizer;
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= MAX_BITS)) return `${bits} bits, expected 1 to ${MAX_BITS}`;
  return vectorProblem("zero point", zero, channels, Number.isSafeInteger, "integers");
}

function stepProblem(step: Step, channels: number): string | undefined {
  for (const [name, vector] of Object.entries(constants(step))) {
    const problem = vectorProblem(`${name} of ${step.kind}`, vector, channels, (x) => !Number.isNaN(x), "numbers");
    if (problem) return problem;
  }
}

function vectorProblem(
  name: string,
  vector: Float64Array,
  channels: number,
  valid: (x: number) => boolean,
  expected: string,
): string | undefined {
  if (vector.length !== 1 && vector.length !== channels) {
    return `${name} has ${vector.length} entries, expected 1 or ${channels}`;
  }
  const bad = vector.findIndex((x) => !valid(x));
  return bad < 0 ? undefined : `${name} has ${vector[bad]} at ${bad}, expected ${expected}`;
}
