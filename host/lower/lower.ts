import { GraphError, UnsupportedError } from "../base/errors.ts";
import { APPLIED, MAX_PORTS } from "../base/limits.ts";
import { checkGraph } from "../graph/check.ts";
import type { Form } from "../graph/form.ts";
import { forms } from "../graph/forms.ts";
import type { Graph } from "../graph/graph.ts";
import { shapesOf } from "../graph/shapes.ts";
import type { Description } from "../program.ts";
import type { Picture } from "../shape.ts";
import { planArena } from "./arena.ts";
import { Builder } from "./builder.ts";
import type { Budget } from "./chain.ts";
import { describeInput, describeOutput } from "./description.ts";
import { type Elements, inputElements } from "./elements.ts";
import { decideInput, type InputMeaning } from "./input.ts";
import { addCodes } from "./ops/codes.ts";
import { loweringOf } from "./ops/index.ts";
import type { Lowered, LowerOptions } from "./options.ts";
import { type Plan, planTensors } from "./plan.ts";
import { Reasons } from "./reasons.ts";
import { isRegion, lowerRegion } from "./region.ts";

export type { Lowered, LowerOptions } from "./options.ts";

const DEFAULT_MAX_ROWS = 64;

/**
 * Graph → program. What stands between an integer and the next code is one function of one integer per channel, and it is
 * evaluated on integers to find its steps: so program and graph agree by construction. Same graph and options, same program.
 * Throws UnsupportedError with all that stands in the way.
 */
export function lower(graph: Graph, options: LowerOptions): Lowered {
  checkGraph(graph);
  if (graph.isFloat && !isRegion(graph)) {
    throw new GraphError(
      graph.name,
      "graph",
      "is of floats, expected one that `toInt8` has made, or of float nodes alone",
    );
  }
  checkPorts(graph);
  const maxRows = options.maxRows ?? DEFAULT_MAX_ROWS;
  if (graph.isFloat) return lowerRegion(graph, { ...options, maxRows });
  const form = forms(graph);
  const shapes = shapesOf(graph);
  const plan = planTensors(graph, shapes, form);
  const first = graph.inputs.map(({ name }) => plan.first.get(name)!);
  const meanings = graph.inputs.map((input, i) => decideInput(input, plan.chain(first[i]!).links, options.input));
  const elements = describeElements(graph, shapes, form, plan, meanings);
  const outputs = graph.outputs.map((name) => describeOutput(name, plan, shapes, form, elements, options.classes));
  const builder = new Builder(plan, shapes, form, elements, applications(graph));
  const inputs = addOps(graph, builder);

  const description: Description = {
    name: options.name ?? graph.name,
    source: options.source,
    converter: options.converter,
    inputs: graph.inputs.map((input, i) =>
      describeInput(input, meanings[i]!, plan.chain(first[i]!).links, builder.tensorOf(first[i]!)),
    ),
    outputs: outputs.map(({ output }) => output),
    ops: builder.names,
    tensors: builder.described,
  };
  const shown = outputs.map(({ value }) => builder.tensorOf(value));
  const program = {
    modelId: options.modelId,
    modelVersion: options.modelVersion,
    maxRows,
    ...planArena(builder.tensors, builder.ops, inputs, shown),
    ops: builder.ops,
    inputs,
    outputs: shown,
    description,
  };
  return { program, notes: [...meanings.flatMap(({ notes }) => notes), ...builder.notes] };
}

/** Adds the ops of all nodes. Inputs and their codes come first, so that a host may write codes and start behind these ops. Returns the inputs' tensors. */
function addOps(graph: Graph, builder: Builder): number[] {
  const { plan } = builder;
  const reasons = new Reasons();
  const inputs = graph.inputs.map(({ name }) => builder.addInput(name));
  for (const { name } of graph.inputs) reasons.collect(() => addCodes(plan.first.get(name)!, builder));
  for (const node of plan.nodes) reasons.collect(() => loweringOf(node).lower(node, builder));
  reasons.throwIfAny();
  return inputs;
}

/** What the tensor of every planned value holds, and the accumulators of fused dense nodes. */
function describeElements(
  graph: Graph,
  shapes: Map<string, Picture>,
  form: Map<string, Form>,
  plan: Plan,
  meanings: readonly InputMeaning[],
): Map<string, Elements> {
  const elements = new Map<string, Elements>();
  const reasons = new Reasons();
  for (const [i, input] of graph.inputs.entries()) {
    elements.set(input.name, inputElements(input, meanings[i]!.dtype, meanings[i]!.unit));
  }
  for (const node of plan.nodes) {
    reasons.collect(() => {
      const own = loweringOf(node).elements(node, { plan, shapes, form, elements });
      if (own) elements.set(node.output, own);
    });
  }
  reasons.throwIfAny();
  return elements;
}

function checkPorts({ name, inputs, outputs }: Graph): void {
  const reasons = Object.entries({ inputs, outputs })
    .filter(([, { length }]) => length > MAX_PORTS)
    .map(([op, { length }]) => {
      return { node: name, op, shape: "", why: `${length} of them`, instead: `at most ${MAX_PORTS}` };
    });
  if (reasons.length > 0) throw new UnsupportedError(reasons);
}

/** What looking for steps may cost in all of a graph. */
function applications(graph: Graph): Budget {
  const weights = graph.nodes.reduce((sum, node) => sum + ("weights" in node ? node.weights.codes.length : 0), 0);
  return { left: APPLIED.any + APPLIED.perWeight * weights };
}
