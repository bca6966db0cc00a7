import { at, codeRange, quantize, zeroPoint } from "../numbers/quantizer.ts";
import { applyStep, type Step } from "../numbers/step.ts";
import type { DenseNode, Graph, QuantizeNode, StepNode } from "./graph.ts";

/** How a value of a graph is held: real numbers, or integer codes `e` for the real numbers e · scale. */
export type Form = { kind: "real" } | Codes;

/** Codes `e = q − zero` of a quantizer, perhaps behind a ReLU. Vectors have length 1 or one entry per channel. */
export interface Codes {
  kind: "codes";
  scale: Float64Array;
  /** Least and greatest code. */
  min: Float64Array;
  max: Float64Array;
  /** Only −1 and +1 occur. */
  bipolar: boolean;
}

/** A node that makes each number from one number. */
export type ElementNode = QuantizeNode | StepNode;

const REAL: Form = { kind: "real" };

/** The form of every value. */
export function forms(graph: Graph): Map<string, Form> {
  const result = new Map<string, Form>(graph.inputs.map((input) => [input.name, REAL]));
  for (const node of graph.nodes) {
    const element = node.op === "quantize" || node.op === "step";
    result.set(node.output, element ? formOf(node, result.get(node.input)!) : REAL);
  }
  return result;
}

/** The form that a node gives to numbers of the form `input`. */
export function formOf(node: ElementNode, input: Form): Form {
  if (node.op === "quantize") {
    const { quantizer } = node;
    const { min, max } = codeRange(quantizer);
    const zero = quantizer.kind === "bipolar" ? Float64Array.of(0) : quantizer.zero;
    return {
      kind: "codes",
      scale: quantizer.scale,
      min: zero.map((z) => min - z),
      max: zero.map((z) => max - z),
      bipolar: quantizer.kind === "bipolar",
    };
  }
  if (input.kind === "real") return REAL;
  if (node.step.kind === "relu") {
    const channels = Math.max(input.scale.length, input.min.length);
    const each = (codes: Float64Array) =>
      Float64Array.from({ length: channels }, (_, c) => relu(input, at(codes, c), c));
    const [a, b] = [each(input.min), each(input.max)];
    return { ...input, min: a, max: b, bipolar: false };
  }
  const scale = rescaled(node.step, input.scale);
  return scale ? { ...input, scale } : REAL;
}

/**
 * A node applied to one number: the meaning of the node. Codes stay codes through a ReLU, and through a product or quotient
 * with a scalar, which changes their scale alone; every other step works on real numbers. `to` is `formOf(node, from)`.
 */
export function applyNode(node: ElementNode, from: Form, to: Form, x: number, channel: number): number {
  if (node.op === "step" && from.kind === "codes" && to.kind === "codes") {
    return node.step.kind === "relu" ? relu(from, x, channel) : x;
  }
  const real = from.kind === "codes" ? x * at(from.scale, channel) : x;
  if (node.op === "step") return applyStep(node.step, real, channel);
  return quantize(node.quantizer, real, channel) - zeroPoint(node.quantizer, channel);
}

/** The code of max(code · scale, 0). */
function relu({ scale }: Codes, code: number, channel: number): number {
  return at(scale, channel) > 0 ? Math.max(code, 0) : Math.min(code, 0);
}

/** The scale after a product or quotient with one scalar, as long as it stays a number other than 0. */
function rescaled(step: Step, scale: Float64Array): Float64Array | undefined {
  if (step.kind !== "mul" && step.kind !== "div") return undefined;
  const by = scalar(step.by);
  if (by === undefined) return undefined;
  const result = scale.map((s) => (step.kind === "mul" ? s * by : s / by));
  return result.every((s) => s !== 0 && Number.isFinite(s)) ? result : undefined;
}

/** The one value of a vector, if all its entries are equal. */
export function scalar(vector: Float64Array): number | undefined {
  return vector.every((x) => x === vector[0]) ? vector[0] : undefined;
}

/** Real value of an accumulator's unit: activation scale times weight scale, of length 1 or M. */
export function accumulatorScale(node: DenseNode, input: Codes): Float64Array {
  const activation = scalar(input.scale)!;
  return node.weights.scale.map((weight) => activation * weight);
}
