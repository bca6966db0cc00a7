import { at } from "../numbers/quantizer.ts";
import { applyStep, type Step } from "../numbers/step.ts";
import { scalar } from "./form.ts";
import type { Graph, Node } from "./graph.ts";
import { liveNodes } from "./live.ts";
import { type FreshName, freshNames, valueNames } from "./names.ts";
import { meaningOf } from "./ops/index.ts";
import { inputChannelOf, isWeighted, type WeightedNodes } from "./ops/weighted.ts";
import { hasPadding } from "./ops/window.ts";
import { shapesOf } from "./shapes.ts";

/** A step between a quantizer and a layer, as a layer can take it: x + offset becomes factors(x) + offset. */
export interface Affine {
  /** Codes stay codes: products and quotients with one number, and ReLUs where there is no offset. */
  factors: Step[];
  /** Length 1 or one entry per channel. */
  offset: Float64Array;
}

export const NO_OFFSET: Float64Array = Float64Array.of(0);

/** A step behind codes that have an offset; undefined where it does more than scale all of them alike and add constants. */
export function affineOf(step: Step, offset: Float64Array): Affine | undefined {
  const factors: Step[] = [];
  for (const each of plainSteps(step)) {
    if (each.kind === "add" || each.kind === "sub") {
      const [length, before] = [Math.max(offset.length, each.by.length), offset];
      offset = Float64Array.from({ length }, (_, c) => applyStep(each, at(before, c), c));
    } else if (isFactor(each) || (each.kind === "relu" && offset.every((x) => x === 0))) {
      factors.push(each);
      offset = offset.map((x) => applyStep(each, x, 0));
    } else return undefined;
  }
  return offset.every(Number.isFinite) ? { factors, offset } : undefined;
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
 * A convolution that pads with real 0 would have to pad with −c, so nothing is carried through one.
 */
export function carryOffsets(graph: Graph): { graph: Graph; notes: string[] } {
  const fresh = freshNames(valueNames(graph));
  const shapes = shapesOf(graph);
  const nodes: Node[] = [];
  const notes: string[] = [];
  /** Of values behind a quantizer: the codes, what is added to them, and the node that was the first to add. */
  const carried = new Map<string, { codes: string; offset: Float64Array; first?: string }>();

  for (const node of graph.nodes) {
    const before = carried.get(node.inputs[0]!);
    const isPadded = node.op === "conv2d" && hasPadding(node.window);
    if (isWeighted(node) && !isPadded && before?.first !== undefined) {
      const { channels } = shapes.get(node.inputs[0]!)!;
      nodes.push(...layerWithout(node, channels, before.codes, before.offset, fresh));
      notes.push(`what "${before.first}" adds before layer "${node.name}" is carried through its sums`);
      continue;
    }
    nodes.push(node);
    if (meaningOf(node).role === "codes") carried.set(node.output, { codes: node.output, offset: NO_OFFSET });
    if (node.op !== "step" || !before) continue;
    if (before.first === undefined && keepsCodes(node)) {
      carried.set(node.output, { ...before, codes: node.output });
      continue;
    }
    const affine = affineOf(node.step, before.offset);
    if (!affine) continue;
    let { codes } = before;
    for (const step of affine.factors) {
      const output = fresh(`${node.output}_codes`);
      nodes.push({ ...node, step, inputs: [codes], output });
      codes = output;
    }
    carried.set(node.output, { codes, offset: affine.offset, first: before.first ?? node.name });
  }
  return notes.length === 0 ? { graph, notes } : { graph: { ...graph, nodes: liveNodes({ ...graph, nodes }) }, notes };
}

/** A layer that reads codes, and behind it what it made of the offset. */
function layerWithout(
  node: WeightedNodes,
  inputs: number,
  input: string,
  offset: Float64Array,
  fresh: FreshName,
): Node[] {
  const by = offsetOfSums(node, inputs, offset);
  if (by.every((x) => x === 0)) return [{ ...node, inputs: [input] }];
  const { name, output, channels } = node;
  const sums = fresh(`${output}_sums`);
  const step: Step = { kind: "add", by };
  return [
    { ...node, inputs: [input], output: sums },
    { op: "step", name: `${name}_offset`, inputs: [sums], output, channels, step },
  ];
}

/** Σ_k w[m, k] · offset[k] for every output channel m; summed in the order of k, the scale last. */
function offsetOfSums(node: WeightedNodes, channels: number, offset: Float64Array): Float64Array {
  const { outputs, inputs, codes, scale } = node.weights;
  const channelOf = inputChannelOf(node, channels);
  return Float64Array.from({ length: outputs }, (_, m) => {
    let sum = 0;
    for (let k = 0; k < inputs; k++) sum += codes[m * inputs + k]! * at(offset, channelOf(m, k));
    return sum * at(scale, m);
  });
}
