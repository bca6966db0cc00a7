import { InputError, UnsupportedError } from "../base/errors.ts";
import type { Graph, GraphInput } from "../graph/graph.ts";
import { liveNodes } from "../graph/live.ts";
import { inputPicture, shapesOf } from "../graph/shapes.ts";
import { unitOf } from "../numbers/unit.ts";
import type { InputDescription, Op, OpDescription, OutputDescription, TensorDescription } from "../program.ts";
import { type Picture, positionCount, type Shape } from "../shape.ts";
import { planArena } from "./arena.ts";
import type { InputOptions } from "./input.ts";
import type { Lowered, LowerOptions } from "./options.ts";

/** Whether all nodes of a graph are those of a float region, but for a softmax at its end. */
export function isRegion({ nodes }: Graph): boolean {
  return nodes.every(({ op }) => op === "float" || op === "softmax") && nodes.some(({ op }) => op === "float");
}

/** A network of floats → a program of one float region: an op for each node, and codes of a value once for all that read them. */
export function lowerRegion(graph: Graph, options: LowerOptions & { maxRows: number }): Lowered {
  const shapes = shapesOf(graph);
  const tensors: Shape[] = [];
  const described: (TensorDescription | null)[] = [];
  const ops: Op[] = [];
  const names: OpDescription[] = [];
  const tensorOf = new Map<string, number>();
  const codesOf = new Map<string, number>();
  const add = (shape: Shape, value: string | null): number => {
    described.push(value === null ? null : { value, offset: [0] });
    return tensors.push(shape) - 1;
  };
  const inputs = graph.inputs.map(({ name }) => {
    tensorOf.set(name, add({ dtype: "f32", ...shapes.get(name)! }, null));
    return tensorOf.get(name)!;
  });
  for (const node of liveNodes(graph)) {
    if (node.op !== "float") continue;
    const { name, compute, rows, output, weightsName } = node;
    let from = node.inputs.map((input) => tensorOf.get(input)!);
    if (rows) {
      const [input] = node.inputs as [string];
      const key = `${input} ${rows.levels} ${rows.epsilon}`;
      if (!codesOf.has(key)) {
        codesOf.set(key, add({ dtype: "scaled8", ...shapes.get(input)! }, null));
        ops.push({ kind: "quantize_rows", ...rows, inputs: from, output: codesOf.get(key)! });
        names.push({ node: name });
      }
      from = [codesOf.get(key)!];
    }
    tensorOf.set(output, add({ dtype: "f32", ...shapes.get(output)! }, output));
    ops.push({ ...compute, inputs: from, output: tensorOf.get(output)! } as Op);
    names.push({ node: name, ...(weightsName !== undefined && { weights: weightsName }) });
  }

  const ends = graph.outputs.map((name) => outputOf(graph, name, shapes.get(name)!, options.classes));
  const outputs = ends.map(({ value }) => tensorOf.get(value) ?? refuseBare(value));
  const program = {
    modelId: options.modelId,
    modelVersion: options.modelVersion,
    maxRows: options.maxRows,
    ...planArena(tensors, ops, inputs, outputs),
    ops,
    inputs,
    outputs,
    description: {
      name: options.name ?? graph.name,
      source: options.source,
      converter: options.converter,
      inputs: graph.inputs.map((input, i) => inputOf(input, options.input, inputs[i]!)),
      outputs: ends.map(({ output }) => output),
      ops: names,
      tensors: described,
    },
  };
  return { program, notes: [] };
}

function refuseBare(value: string): never {
  const why = "no layer between the input and this output";
  throw new UnsupportedError([{ node: value, op: "output", shape: "", why, instead: "a network" }]);
}

/** An input that begins a float region: its elements are the numbers. A unit says what a pixel stands for. */
function inputOf(input: GraphInput, given: InputOptions = {}, tensor: number): InputDescription {
  const { dtype = "f32", ...declared } = given;
  if (dtype !== "f32") {
    throw new InputError(`input "${input.name}": elements of ${dtype}, expected f32, which a network of floats takes`);
  }
  const { name, shape, layout } = input;
  const isDeclared = Object.values(declared).some((value) => value !== undefined);
  const unit = unitOf(declared, layout ? inputPicture(input).channels : (shape[0] ?? 1));
  const basis = isDeclared ? "declared" : "assumed";
  return { name, shape, ...(layout && { layout }), unit, basis, steps: [], codes: tensor };
}

/** An output, and the value that its tensor holds: that before a softmax, which hosts compute. */
function outputOf(
  { nodes }: Graph,
  name: string,
  shape: Picture,
  classes: string[] | undefined,
): { value: string; output: OutputDescription } {
  const end = nodes.find(({ output }) => output === name);
  const isSoftmax = end?.op === "softmax";
  const output: OutputDescription = {
    name,
    shape: positionCount(shape) === 1 ? [shape.channels] : [shape.height, shape.width, shape.channels],
    kind: "scores",
    offset: [0],
    scale: [1],
    steps: [],
    softmax: isSoftmax,
    ...(classes && { classes }),
  };
  return { value: isSoftmax ? end.inputs[0]! : name, output };
}
