import { InputError } from "../base/errors.ts";
import { forms } from "../graph/forms.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { insertQuantizers } from "../graph/insert.ts";
import { meaningOf } from "../graph/ops/index.ts";
import type { Weights } from "../graph/ops/weights.ts";
import { originsOf } from "../graph/origin.ts";
import type { Quantizer } from "../numbers/quantizer.ts";
import { roundHalfEven } from "../numbers/round.ts";
import { isAffine, isBound } from "../numbers/step.ts";
import type { Range } from "./ranges.ts";

/** Codes of activations, unsigned. */
const ACTIVATION_BITS = 8;
/** Codes of weights are −127 … 127. */
const WEIGHT_LIMIT = 127;

/** Layers whose sums may be added to codes as they are. */
const SUMS: ReadonlySet<Node["op"]> = new Set(["dense", "conv2d", "avgpool"]);

/**
 * The values of a float graph that have to become codes, in the order in which its nodes read them: what layers multiply or sum up, and the operands of sums, but
 * for one that is a layer's own sum with affine steps behind it, where the codes of the result are a plane over both (lower/plane.ts). A quantizer that the graph has itself is enough.
 */
export function quantizedValues(graph: Graph): string[] {
  const form = forms(graph);
  const { origin, producer } = originsOf(graph);
  const sums = sumsOf(graph);
  const bent = bentValues(graph);
  const chosen = new Set<string>();
  const isCodes = (value: string): boolean => {
    for (let maker = producer.get(value); !chosen.has(value); maker = producer.get(value)) {
      const { value: source, blocker } = origin(value);
      if (form.get(source)!.kind === "codes" && !blocker) return true;
      if (!maker || !PICKS.has(maker.op)) return false;
      value = maker.inputs[0]!;
    }
    return true;
  };
  for (const node of graph.nodes) {
    if (!meaningOf(node).readsCodes || MOVED.has(node.op)) continue;
    const real = node.inputs.filter((value) => !isCodes(value));
    const own = node.op === "add" && !bent.has(node.output) ? real.find((value) => sums.has(value)) : undefined;
    for (const value of real) if (value !== own) chosen.add(value);
  }
  return [...chosen];
}

/** Sums of layers, perhaps with affine steps behind them. */
function sumsOf({ nodes }: Graph): Set<string> {
  const sums = new Set<string>();
  for (const node of nodes) {
    const isBehind = node.op === "step" && isAffine(node.step) && sums.has(node.inputs[0]!);
    if (SUMS.has(node.op) || isBehind) sums.add(node.output);
  }
  return sums;
}

/** Values that come, through steps alone, to one that is neither affine nor a bound. */
function bentValues({ nodes }: Graph): Set<string> {
  const bent = new Set<string>();
  for (const node of nodes.toReversed()) {
    if (node.op !== "step") continue;
    const isPlain = isAffine(node.step) || isBound(node.step);
    if (!isPlain || bent.has(node.output)) bent.add(node.inputs[0]!);
  }
  return bent;
}

/** What gives numbers of its input and no others. */
const PICKS: ReadonlySet<Node["op"]> = new Set(["maxpool", "upsample"]);

/** What moves behind the quantizers of its readers (graph/commute.ts). */
const MOVED: ReadonlySet<Node["op"]> = new Set(["maxpool", "concat", "upsample"]);

/**
 * An int8 network of a float one: weights symmetric, a scale for each output channel by its greatest magnitude; values with codes of 8 bits over their
 * `ranges`, those of `quantizedValues` in their order. Throws InputError for another number of ranges.
 */
export function toInt8(graph: Graph, ranges: readonly Range[]): Graph {
  const values = quantizedValues(graph);
  if (ranges.length !== values.length) {
    throw new InputError(
      `ranges: found ${ranges.length}, expected ${values.length}, one for each value that becomes codes`,
    );
  }
  const quantizers = new Map(values.map((value, i) => [value, quantizerOver(ranges[i]!)]));
  const { isFloat: _, ...quantized } = insertQuantizers(graph, quantizers);
  const nodes = quantized.nodes.map((node) =>
    "weights" in node && node.weights.found === "float" ? { ...node, weights: toCodes(node.weights) } : node,
  );
  return { ...quantized, nodes };
}

/** Codes that cover a range and have one for 0, which padding and ReLU are. */
export function quantizerOver([least, greatest]: Range): Quantizer {
  const [low, high] = [Math.min(least, 0), Math.max(greatest, 0)];
  const steps = 2 ** ACTIVATION_BITS - 1;
  const scale = (high - low) / steps || 1;
  return {
    ...{ kind: "int", bits: ACTIVATION_BITS, signed: false, narrow: false, rounding: "ROUND" },
    scale: Float64Array.of(scale),
    zero: Float64Array.of(roundHalfEven(-low / scale)),
  };
}

/** A row of weights that are all 0 has the scale 1. */
function toCodes(weights: Weights): Weights {
  const { codes: floats, outputs, inputs } = weights;
  const codes = new Int32Array(floats.length);
  const scale = Float64Array.from({ length: outputs }, (_, row) => {
    const own = floats.subarray(row * inputs, (row + 1) * inputs);
    let greatest = 0;
    for (const weight of own) greatest = Math.max(greatest, Math.abs(weight));
    const unit = greatest / WEIGHT_LIMIT || 1;
    own.forEach((weight, i) => {
      codes[row * inputs + i] = roundHalfEven(weight / unit);
    });
    return unit;
  });
  return { ...weights, codes, scale, bits: 8 };
}
