import type { Unsupported } from "../base/errors.ts";
import { at } from "../numbers/quantizer.ts";
import type { Picture } from "../shape.ts";
import type { Codes, Form } from "./form.ts";
import { forms } from "./forms.ts";
import type { Graph, Node } from "./graph.ts";
import { addFactors } from "./ops/add.ts";
import { divisorOf } from "./ops/avgpool.ts";
import { meaningOf } from "./ops/index.ts";
import { isOneScaleAboveZero } from "./ops/maximum.ts";
import { keepsOrder } from "./ops/maxpool.ts";
import { inputChannelOf, type WeightedNodes } from "./ops/weighted.ts";
import { type Origin, originsOf } from "./origin.ts";
import { shapesOf } from "./shapes.ts";

/**
 * Where quantizers are missing behind an input that reaches a dense layer or an output without one: at the input itself,
 * and behind nodes that codes before a layer cannot pass, if all its layers stand behind such nodes only there.
 */
export function missingQuantizers(graph: Graph): { value: string; behind: Node | undefined }[] {
  const { origin } = originsOf(graph);
  const places = new Map<string, Map<string, Node | undefined>>();
  const place = (input: string, behind: Node | undefined): void => {
    const known = places.get(input) ?? new Map<string, Node | undefined>();
    places.set(input, known.set(behind?.output ?? input, behind));
  };
  for (const node of graph.nodes) {
    if (!meaningOf(node).readsCodes) continue;
    for (const input of node.inputs) {
      const { node: source, value, last } = origin(input);
      if (!source) place(value, last);
    }
  }
  for (const output of graph.outputs) {
    const { node: source, value } = origin(output);
    if (!source) place(value, undefined);
  }
  return [...places].flatMap(([input, behind]) => {
    if (behind.size > 1) behind.set(input, undefined);
    return [...behind].map(([value, node]) => ({ value, behind: node }));
  });
}

/** Everything in a graph that integers cannot compute. The evaluator and lowering count on there being nothing. */
export function unsupportedIn(graph: Graph): Unsupported[] {
  const { origin, producer } = originsOf(graph);
  const form = forms(graph);
  const shapes = shapesOf(graph);
  const reasons: Unsupported[] = [];
  const refuse = (node: Node, why: string, instead: string): void => {
    reasons.push({ node: node.name, op: node.op, shape: `[${node.channels}]`, why, instead });
  };
  for (const node of graph.nodes) {
    const end = node.inputs
      .map((input) => producer.get(input))
      .find((before) => before && meaningOf(before).role === "end");
    if (end) refuse(node, `it reads the ${end.op} "${end.name}"`, `${end.op} only before an output`);
    else {
      const operands = node.inputs.map((input): Operand => {
        const from = origin(input);
        return { origin: from, made: form.get(from.value)!, form: form.get(input)!, shape: shapes.get(input)! };
      });
      const [why, instead] = problemOf(node, operands) ?? [];
      if (why && instead) refuse(node, why, instead);
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

/** What a maximum needs, which only commutes with functions that never fall. */
const QUANTIZED_POOL =
  "a quantizer of a scale above 0 before it, or behind it, with nothing between that falls in a channel, as factors below 0 do";

/** What a join needs, whose quantizers commute with it (commute.ts). */
const QUANTIZED_JOIN =
  "one quantizer right behind it, with nothing between but functions of single elements, or one before it on every branch";

const QUANTIZED_UPSAMPLE =
  "a quantizer right behind it, with nothing between but functions of single elements, or one before it";

/** What a node reads. */
interface Operand {
  origin: Origin;
  /** The form of the origin's value, and that of what is read. */
  made: Form;
  form: Form;
  shape: Picture;
}

type Problem = [why: string, instead: string];

/** What integers cannot compute of a node, by its op. */
const PROBLEMS: {
  [Name in Node["op"]]: (node: Extract<Node, { op: Name }>, operands: readonly Operand[]) => Problem | undefined;
} = {
  quantize: () => undefined,
  step: () => undefined,
  softmax: () => undefined,
  argmax: () => undefined,
  float: () => ["it is of a float region", "a network that is of floats as a whole"],

  dense: (node, [input]) => layerProblem(node, input!),
  conv2d: (node, [input]) => layerProblem(node, input!),

  maximum: pairOf(isOneScaleAboveZero, ", or are negative", "quantizers of one scale above 0 right before it"),
  add(node, operands) {
    const sums = operands.filter(({ origin, form }) => form.kind === "real" && MIXED.has(origin.node?.op));
    if (sums.length > 1)
      return ["both its operands are sums of layers", "a quantizer right before it, on one branch at least"];
    const isMixed =
      sums.length === 1 && operands.every((operand) => operand === sums[0] || operand.made.kind === "codes");
    return isMixed ? undefined : sumProblem(node, operands);
  },

  concat(node, operands) {
    const bare = operands.find(({ origin, form }) => form.kind === "real" && !origin.node);
    if (bare) return [`no quantizer between the network's input "${bare.origin.value}" and this join`, DECLARE_INPUT];
    const real = operands.findIndex((operand) => operand.form.kind === "real" && !isRefused(operand));
    if (real < 0) return undefined;
    return [`its operand "${node.inputs[real]}" is no codes, and what follows it is no quantizer`, QUANTIZED_JOIN];
  },

  upsample(node, [input]) {
    if (input!.form.kind === "codes" || isRefused(input!)) return undefined;
    if (!input!.origin.node) return ["no quantizer between the network's input and this upsampling", DECLARE_INPUT];
    return [`its input "${node.inputs[0]}" is no codes, and what follows it is no quantizer`, QUANTIZED_UPSAMPLE];
  },

  maxpool(node, [input]) {
    if (keepsOrder(input!.form) || isRefused(input!)) return undefined;
    if (!input!.origin.node) return ["no quantizer between the network's input and this pool", DECLARE_INPUT];
    const why =
      input!.form.kind === "codes" ? "has a scale below 0" : "is no codes, and what follows it is no quantizer";
    return [`its input "${node.inputs[0]}" ${why}`, QUANTIZED_POOL];
  },

  avgpool(node, [input]) {
    const problem = inputProblem(input!, false);
    if (problem) return problem;
    const { form, shape } = input!;
    const divisor = divisorOf(node, shape);
    if (divisor === undefined) {
      const why = "its divisor depends on the position, since padding is not counted";
      return [why, "count_include_pad = 1, or padding in a node of its own, or none"];
    }
    const { kernelHeight, kernelWidth } = node.window;
    const most = form.kind === "codes" ? Math.max(...form.min.map(Math.abs), ...form.max.map(Math.abs)) : 0;
    return kernelHeight * kernelWidth * most > 2 ** 53 ? ["its sums may exceed 2^53", "fewer bits"] : undefined;
  },
};

function problemOf(node: Node, operands: readonly Operand[]): Problem | undefined {
  const problem = PROBLEMS[node.op] as (node: Node, operands: readonly Operand[]) => Problem | undefined;
  return problem(node, operands);
}

/** Ops that make codes of codes alone. */
const KEEPS_CODES: ReadonlySet<string | undefined> = new Set(["maximum", "maxpool", "concat", "upsample"]);

/** Ops whose sums may be added to codes as they are. */
const MIXED: ReadonlySet<string | undefined> = new Set(["dense", "conv2d", "avgpool"]);

const sumProblem = pairOf(
  (a, b) => addFactors(a, b) !== undefined,
  " from channel to channel",
  "quantizers of one scale, or each of one for all channels, right before it, on both branches",
);

/** Whether an operand comes from a maximum, a maxpool, a join or an upsampling of no codes, which is a reason of its own: its readers lack nothing else. */
function isRefused({ origin, made }: Operand): boolean {
  return KEEPS_CODES.has(origin.node?.op) && made.kind === "real";
}

/** What integers cannot compute of a node that combines two operands, whose forms must be one (`isOne`). */
function pairOf(isOne: (a: Form, b: Form) => boolean, butFor: string, instead: string) {
  return (node: Node, operands: readonly Operand[]): Problem | undefined => {
    const real = operands.findIndex((operand) => operand.form.kind === "real" && !isRefused(operand));
    if (real >= 0) return [`its operand "${node.inputs[real]}" is no codes`, instead];
    if (operands.some(isRefused)) return undefined;
    const [a, b] = operands as [Operand, Operand];
    return isOne(a.form, b.form) ? undefined : [`the scales of its operands differ${butFor}`, instead];
  };
}

/** What integers cannot compute of a layer's sums. */
function layerProblem(node: WeightedNodes, input: Operand): Problem | undefined {
  const problem = inputProblem(input);
  if (problem) return problem;
  const { form, shape } = input;
  if (form.kind === "real" || sumsAreExact(node, form, shape)) return undefined;
  return ["its sums may exceed 2^53", "fewer bits"];
}

/** The input of a layer must be codes times one scale, if it sums up features. */
function inputProblem(input: Operand, sumsFeatures = true): Problem | undefined {
  const { node, blocker: bend, shift } = input.origin;
  if (!node) return ["no quantizer between the network's input and this layer", DECLARE_INPUT];
  if (meaningOf(node).role === "sums") {
    return [`no quantizer between layer "${node.name}" and this one`, "a Quant or BipolarQuant node between them"];
  }
  if (!sumsFeatures && input.form.kind === "codes") return undefined;
  if (sumsFeatures && input.made.kind === "codes" && input.made.scale.length > 1) {
    const what = node.op === "quantize" ? "quantizer" : node.op;
    return [`${what} "${node.name}" has one scale per feature`, "one scale for all features that a layer sums up"];
  }
  const blocker = bend ?? shift;
  if (blocker) {
    const what = `"${blocker.name}", between quantizer "${node.name}" and this layer,`;
    return [`${what} does more than scale all features alike and add constants`, "that node before the quantizer"];
  }
  if (input.form.kind === "codes" || isRefused(input)) return undefined;
  return ["the scale of its input becomes 0 or infinite", "factors whose product is a number other than 0"];
}

/** Whether float64 holds every partial sum of products exactly. */
function sumsAreExact(node: WeightedNodes, { min, max }: Codes, { channels }: Picture): boolean {
  const { outputs, inputs, codes } = node.weights;
  const channelOf = inputChannelOf(node, channels);
  for (let m = 0; m < outputs; m++) {
    let bound = 0;
    for (let k = 0; k < inputs; k++) {
      const c = channelOf(m, k);
      bound += Math.abs(codes[m * inputs + k]!) * Math.max(Math.abs(at(min, c)), Math.abs(at(max, c)));
    }
    if (bound > 2 ** 53) return false;
  }
  return true;
}
