import { at } from "../numbers/quantizer.ts";
import { applyStep, type Step } from "../numbers/step.ts";
import { scalar } from "./form.ts";
import type { DenseNode, Graph, Node, StepNode, Weights } from "./graph.ts";
import { freshNames, valueNames } from "./names.ts";
import { liveNodes, originOf, producers } from "./origin.ts";

/** Steps between a quantizer and a layer that a layer can take: x becomes factors(x) + offset. */
interface Affine {
  /** Codes stay codes: products and quotients with one number, and ReLUs before any offset. */
  factors: StepNode[];
  /** Length 1 or one entry per channel. */
  offset: Float64Array;
}

/** Steps as factors and an offset, or the first node that is neither. */
export function affineOf(nodes: readonly Node[]): Affine | { blocker: Node } {
  const factors: StepNode[] = [];
  let offset = Float64Array.of(0);
  for (const node of nodes) {
    if (node.op !== "step") return { blocker: node };
    for (const step of plainSteps(node.step)) {
      if (step.kind === "add" || step.kind === "sub") {
        const length = Math.max(offset.length, step.by.length);
        offset = Float64Array.from({ length }, (_, c) => applyStep(step, at(offset, c), c));
      } else if (isFactor(step) || (step.kind === "relu" && offset.every((x) => x === 0))) {
        factors.push({ ...node, step });
        offset = offset.map((x) => applyStep(step, x, 0));
      } else return { blocker: node };
    }
    if (!offset.every(Number.isFinite)) return { blocker: node };
  }
  return { factors, offset };
}

/** The same step in sums, products and quotients, where it can be said so. */
function plainSteps(step: Step): Step[] {
  if (step.kind === "rsub")
    return [
      { kind: "mul", by: Float64Array.of(-1) },
      { ...step, kind: "add" },
    ];
  if (step.kind !== "batchnorm") return [step];
  const { mean, variance, epsilon, gamma, beta } = step;
  return [
    { kind: "sub", by: mean },
    { kind: "div", by: variance.map((v) => Math.sqrt(v + epsilon)) },
    { kind: "mul", by: gamma },
    { kind: "add", by: beta },
  ];
}

/** A product or quotient with one number for all channels. */
function isFactor(step: Step): boolean {
  if (step.kind !== "mul" && step.kind !== "div") return false;
  const by = scalar(step.by);
  return by !== undefined && by !== 0 && Number.isFinite(by);
}

/** Turns codes times a scale into codes times a scale. */
export function keepsCodes(node: Node): boolean {
  return node.op === "step" && (node.step.kind === "relu" || isFactor(node.step));
}

/**
 * Carries constants that stand between a quantizer and a dense layer through the layer, which then reads codes times one
 * scale: Σ w · (s · q + c) = s · Σ w · q + Σ w · c, a constant for each output channel. That is what the graph means from
 * then on. Steps that are more than factors and offsets stay where they are, for `supported.ts` to refuse. Notes name what
 * was moved.
 *
 * A layer that pads with real 0 will have to pad here with −c: what its own steps turn into 0.
 */
export function carryOffsets(graph: Graph): { graph: Graph; notes: string[] } {
  const producer = producers(graph);
  const fresh = freshNames(valueNames(graph));
  const notes: string[] = [];

  /** Factors alone, from `value` on; by the value that had the offset, so that layers share them. */
  const bare = new Map<string, StepNode[]>();
  const withoutOffset = (value: string, steps: readonly StepNode[]): StepNode[] =>
    steps.map((step) => {
      const input = value;
      value = fresh(`${step.output}_codes`);
      return { ...step, input, output: value };
    });

  const carry = (node: DenseNode): Node[] => {
    const { node: source, between } = originOf(node.input, producer);
    const first = between.findIndex((each) => !keepsCodes(each));
    const affine = affineOf(between.slice(Math.max(first, 0)));
    if (source?.op !== "quantize" || first < 0 || "blocker" in affine) return [node];

    const names = between.slice(first).map(({ name }) => `"${name}"`);
    notes.push(`${names.join(", ")} before layer "${node.name}": carried through its sums`);
    const shared = bare.get(node.input);
    const factors = shared ?? withoutOffset(between[first]!.input, affine.factors);
    bare.set(node.input, factors);
    const input = factors.at(-1)?.output ?? between[first]!.input;
    const before = shared ? [] : factors;

    const by = offsetOfSums(node.weights, affine.offset);
    if (by.every((x) => x === 0)) return [...before, { ...node, input }];
    const { name, output, channels } = node;
    const sums = fresh(`${output}_sums`);
    const step: Step = { kind: "add", by };
    return [
      ...before,
      { ...node, input, output: sums },
      { op: "step", name: `${name}_offset`, input: sums, output, channels, step },
    ];
  };

  const nodes = graph.nodes.flatMap((node) => (node.op === "dense" ? carry(node) : [node]));
  return { graph: { ...graph, nodes: liveNodes({ ...graph, nodes }) }, notes };
}

/** Σ_k w[m, k] · offset[k] for every output channel m; summed in the order of k, the scale last. */
function offsetOfSums({ outputs, inputs, codes, scale }: Weights, offset: Float64Array): Float64Array {
  return Float64Array.from({ length: outputs }, (_, m) => {
    let sum = 0;
    for (let k = 0; k < inputs; k++) sum += codes[m * inputs + k]! * at(offset, k);
    return sum * at(scale, m);
  });
}
