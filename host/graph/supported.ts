import type { Unsupported } from "../errors.ts";
import { at } from "../numbers/quantizer.ts";
import { type Codes, forms } from "./form.ts";
import type { DenseNode, Graph, Node, QuantizeNode, Weights } from "./graph.ts";

/** Where a value comes from, back through per-element steps, softmax and argmax. */
interface Origin {
  /** Undefined where it is an input of the graph. */
  node: QuantizeNode | DenseNode | undefined;
  /** The node's value, or the input. */
  value: string;
  /** The first node behind it that does more to codes than scale them. */
  blocker: Node | undefined;
}

/** The origin of every value, and the node that defines it. */
function originsOf(graph: Graph): { origin: (value: string) => Origin; producer: Map<string, Node> } {
  const origins = new Map<string, Origin>();
  const producer = new Map<string, Node>();
  const origin = (value: string) => origins.get(value) ?? { node: undefined, value, blocker: undefined };
  for (const node of graph.nodes) {
    producer.set(node.output, node);
    if (node.op === "quantize" || node.op === "dense") {
      origins.set(node.output, { node, value: node.output, blocker: undefined });
    } else {
      const before = origin(node.input);
      origins.set(node.output, { ...before, blocker: before.blocker ?? (keepsCodes(node) ? undefined : node) });
    }
  }
  return { origin, producer };
}

/** Inputs that reach a dense layer or an output without a quantizer on the way. */
export function inputsWithoutQuantizer(graph: Graph): Set<string> {
  const { origin } = originsOf(graph);
  const read = [...graph.outputs, ...graph.nodes.filter((node) => node.op === "dense").map((node) => node.input)];
  return new Set(
    read
      .map(origin)
      .filter(({ node }) => !node)
      .map(({ value }) => value),
  );
}

/** Everything in a graph that integers cannot compute. The evaluator and lowering count on there being nothing. */
export function unsupportedIn(graph: Graph): Unsupported[] {
  const { origin, producer } = originsOf(graph);
  const form = forms(graph);
  const reasons: Unsupported[] = [];
  const refuse = (node: Node, why: string, instead: string): void => {
    reasons.push({ node: node.name, op: node.op, shape: `[${node.channels}]`, why, instead });
  };
  for (const node of graph.nodes) {
    const before = producer.get(node.input);
    if (before?.op === "softmax" || before?.op === "argmax") {
      refuse(node, `it reads the ${before.op} "${before.name}"`, `${before.op} only before an output`);
    } else if (node.op === "dense") {
      const [why, instead] = denseProblem(origin(node.input)) ?? [];
      if (why && instead) refuse(node, why, instead);
      else if (!sumsAreExact(node.weights, form.get(node.input) as Codes)) {
        refuse(node, "its sums may exceed 2^53", "fewer bits");
      }
    }
  }
  for (const output of graph.outputs) {
    if (origin(output).node) continue;
    const { name: node, op } = producer.get(output) ?? { name: output, op: "output" };
    reasons.push({
      node,
      op,
      shape: "",
      why: "no quantizer between the input and this output",
      instead: DECLARE_INPUT,
    });
  }
  return reasons;
}

/** What `tern convert` offers where a checkpoint does not quantize its input. */
const DECLARE_INPUT =
  "a Quant node after the input, or the option --input-quant scale=…,zero=…,bits=…,signed|unsigned, which declares one";

/** The input of a dense layer must be codes times one scale. */
function denseProblem({ node, blocker }: Origin): [why: string, instead: string] | undefined {
  if (!node) return ["no quantizer between the network's input and this layer", DECLARE_INPUT];
  if (node.op === "dense") {
    return [`no quantizer between layer "${node.name}" and this one`, "a Quant or BipolarQuant node between them"];
  }
  if (blocker) {
    return [
      `"${blocker.name}", between quantizer "${node.name}" and this layer, does more than scale`,
      "that node before the quantizer",
    ];
  }
  if (node.quantizer.scale.length > 1) {
    return [`quantizer "${node.name}" has one scale per feature`, "one scale for all features that a layer sums up"];
  }
  return undefined;
}

/** Turns codes times a scale into codes times a scale. */
function keepsCodes(node: Node): boolean {
  if (node.op !== "step") return false;
  const { step } = node;
  if (step.kind === "relu") return true;
  return (step.kind === "mul" || step.kind === "div") && step.by.length === 1 && step.by[0] !== 0;
}

/** Whether float64 holds every partial sum of products exactly. */
function sumsAreExact({ outputs, inputs, codes }: Weights, { min, max }: Codes): boolean {
  for (let m = 0; m < outputs; m++) {
    let bound = 0;
    for (let k = 0; k < inputs; k++) {
      bound += Math.abs(codes[m * inputs + k]!) * Math.max(Math.abs(at(min, k)), Math.abs(at(max, k)));
    }
    if (bound > 2 ** 53) return false;
  }
  return true;
}
