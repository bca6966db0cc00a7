import { InputError } from "../base/errors.ts";
import { elementCount } from "../shape.ts";
import { checkGraph } from "./check.ts";
import { forms } from "./forms.ts";
import type { Graph } from "./graph.ts";
import { meaningOf } from "./ops/index.ts";
import { realNumbers, refuseNaN, type Value } from "./ops/meaning.ts";
import { shapesOf } from "./shapes.ts";

/**
 * Sees the integers of a run, (rows, positions, channels), under the name of their value: codes e = q − zero of every quantizer,
 * also behind a ReLU or a scalar factor, the accumulators of every dense node, and the index of an argmax.
 */
export type Trace = (value: string, integers: Float64Array) => void;

/**
 * The meaning of a checkpoint: its outputs for `inputs`, each (rows, positions, channels), in the order of `graph.outputs`.
 * Sums of products of codes are exact integers. Everything else is float64 in the order of the graph, rounded to f32 once,
 * at the output. All values are kept, 8 bytes each, so split large batches.
 */
export function evaluate(
  graph: Graph,
  inputs: readonly (Float32Array | Float64Array)[],
  rows: number,
  trace: Trace = () => {},
): Float32Array[] {
  checkGraph(graph);
  const form = forms(graph);
  const shapes = shapesOf(graph);
  const values = new Map<string, Value>();
  graph.inputs.forEach(({ name }, i) => {
    const shape = shapes.get(name)!;
    const expected = rows * elementCount(shape);
    if (inputs[i]?.length !== expected) {
      throw new InputError(`input "${name}": ${inputs[i]?.length ?? 0} numbers, expected ${expected}`);
    }
    values.set(name, { numbers: Float64Array.from(inputs[i]), ...shape, form: form.get(name)! });
  });

  for (const node of graph.nodes) {
    const shape = shapes.get(node.output)!;
    const numbers = new Float64Array(rows * elementCount(shape));
    const output: Value = { numbers, ...shape, form: form.get(node.output)! };
    const operands = node.inputs.map((input) => values.get(input)!);
    const integers = meaningOf(node).evaluate(node, operands, output);
    if (integers) trace(node.output, integers);
    values.set(node.output, output);
  }

  return graph.outputs.map((name) => {
    const value = values.get(name)!;
    refuseNaN(`output "${name}"`, value);
    return Float32Array.from(realNumbers(value), (x) => Math.fround(x) + 0); // + 0 turns −0 into 0
  });
}
