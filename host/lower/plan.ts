import { type Unsupported, UnsupportedError } from "../base/errors.ts";
import type { Codes, Form } from "../graph/form.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { liveNodes } from "../graph/live.ts";
import { type AddNode, isMixedSum } from "../graph/ops/add.ts";
import { meaningOf } from "../graph/ops/index.ts";
import type { QuantizeNode } from "../graph/ops/quantize.ts";
import type { StepNode } from "../graph/ops/step.ts";
import { isWeighted } from "../graph/ops/weighted.ts";
import { isBinary } from "../graph/ops/weights.ts";
import type { Picture } from "../shape.ts";
import type { Link } from "./chain.ts";
import { codeCount, MAX_CODES } from "./elements.ts";

/** Which values of a graph get a tensor, and what stands between them. Per-element nodes between two tensors are fused. */
export interface Plan {
  /** Nodes that an output depends on, in the order of the graph. */
  nodes: Node[];
  /** Codes that a dense node or an output reads, or that come first behind an input. */
  codes: Set<string>;
  /** Of these, ±1 codes that only dense nodes with binary weights and pools read; those of a maxpool or an upsampling if its input is. */
  bits: Set<string>;
  /** Accumulators that an output reads, or more than one quantizer. All others are fused into their quantizer. */
  sums: Set<string>;
  /** What outputs are made from: the value of codes or accumulators, and the steps behind it. */
  tail(value: string): { base: string; steps: StepNode[] };
  /** What codes are made from: the value of an input, of accumulators or of other codes, or a mixed sum, and the nodes between. */
  chain(codes: string): { base: string; links: Link[] };
  /** The mixed sum of a value, with what its operands are made from: the accumulator first. */
  mixed(value: string): { node: AddNode; operands: readonly [Made, Made] } | undefined;
  /** The value that first holds the same codes: a scalar factor changes only their scale. */
  sameCodes(value: string): string;
  /** The first codes behind each input, by its name. */
  first: Map<string, string>;
  isFirst(value: string): boolean;
  /** Codes and accumulators that outputs show. */
  shown: Set<string>;
  /** The node that defines a value; undefined for inputs. */
  definer(value: string): Node | undefined;
}

/** What an operand of a mixed sum is made from: the value of accumulators or codes, and the steps between. */
export interface Made {
  value: string;
  base: string;
  links: Link[];
}

export function planTensors(graph: Graph, shapes: Map<string, Picture>, form: Map<string, Form>): Plan {
  const definers = new Map(graph.nodes.map((node) => [node.output, node]));
  const definer = (value: string) => definers.get(value);
  const isCodes = (value: string) => form.get(value)!.kind === "codes";
  const isInput = (value: string) => !definers.has(value);

  const same = new Map<string, string>();
  const sameCodes = (value: string): string => same.get(value) ?? value;
  const bases = new Map<string, string>();
  const baseOf = (value: string): string => bases.get(value) ?? value; // of its tail
  for (const node of graph.nodes) {
    if (node.op !== "step") continue;
    const [input] = node.inputs as [string];
    if (!isCodes(node.output)) bases.set(node.output, baseOf(input));
    else if (node.step.kind !== "relu") same.set(node.output, sameCodes(input));
  }

  const tail = (value: string): { base: string; steps: StepNode[] } => {
    const base = baseOf(value);
    const steps: StepNode[] = [];
    for (let at = value; at !== base; at = steps.at(-1)!.inputs[0]!) steps.push(definer(at) as StepNode);
    return { base, steps: steps.reverse() };
  };

  const nodes = liveNodes(graph);
  /** What an output shows, or what its softmax or argmax reads. */
  const sourceOf = (output: string): string => {
    const end = definer(output);
    return end && meaningOf(end).role === "end" ? end.inputs[0]! : output;
  };
  const ends = [...new Set(graph.outputs.map(sourceOf))].map(baseOf);
  const inputOf = (node: QuantizeNode) => baseOf(node.inputs[0]!);
  const firsts = nodes.filter((node): node is QuantizeNode => node.op === "quantize" && isInput(inputOf(node)));
  const quantized = firsts.map(inputOf);
  refuseInputs(graph, quantized, ends);

  /** Of every mixed sum, the value of the accumulators. */
  const mixedSums = new Map(
    nodes
      .filter((node): node is AddNode => node.op === "add" && isMixedSum(node, form))
      .map(({ inputs, output }) => [output, inputs.map(baseOf).find((value) => !isCodes(value))!]),
  );
  const read = new Set([
    ...nodes
      .filter((node) => meaningOf(node).readsCodes)
      .flatMap((node) => node.inputs.map(baseOf).filter(isCodes).map(sameCodes)),
    ...ends.filter(isCodes).map(sameCodes),
    ...nodes.filter((node) => node.op === "quantize" && mixedSums.has(inputOf(node))).map(({ output }) => output), // a plane is of one quantizer
  ]);

  const readers = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const list = readers.get(input);
      if (list) list.push(node);
      else readers.set(input, [node]);
    }
  }
  const endSet = new Set(ends);
  /** Codes of more than a byte that only lead to another quantizer need no tensor: both are one function of the input's elements. */
  const narrowed = (first: QuantizeNode): QuantizeNode => {
    for (let [quantizer, value] = [first, first.output]; ; ) {
      if (value === quantizer.output && (codeCount(form.get(value) as Codes) <= MAX_CODES || read.has(value)))
        return quantizer;
      const [next, ...others] = readers.get(value) ?? [];
      if (!next || others.length > 0 || endSet.has(value)) return quantizer;
      if (next.op === "quantize") quantizer = next;
      else if (next.op !== "step" || (next.step.kind === "relu" && isCodes(next.output))) return quantizer;
      value = next.output;
    }
  };

  const first = new Map(firsts.map((node) => [inputOf(node), narrowed(node).output]));
  const codes = new Set([...first.values(), ...read]);

  /** Nodes that read codes make integers of their own. */
  const isBase = (value: string) => codes.has(value) || isInput(value) || meaningOf(definer(value)!).readsCodes;
  const madeFrom = (value: string): { base: string; links: Link[] } => {
    const links: Link[] = [];
    for (let at = value; ; at = links.at(-1)!.node.inputs[0]!) {
      const base = sameCodes(at);
      if (isBase(base)) return { base, links: links.reverse() };
      links.push(linkOf(at));
    }
  };
  const linkOf = (value: string): Link => {
    const node = definer(value) as Link["node"];
    return { node, from: form.get(node.inputs[0]!)!, to: form.get(value)! };
  };
  const chain = (value: string): { base: string; links: Link[] } => {
    const { base, links } = madeFrom(definer(value)!.inputs[0]!);
    return { base, links: [...links, linkOf(value)] };
  };
  const mixed = (value: string): ReturnType<Plan["mixed"]> => {
    const node = definer(value);
    if (node?.op !== "add" || !isMixedSum(node, form)) return undefined;
    const operands = node.inputs.map((input): Made => ({ value: input, ...madeFrom(input) })) as [Made, Made];
    if (isCodes(operands[0].base)) operands.reverse();
    return { node, operands };
  };

  // Of two quantizers that read the same accumulators, neither can be fused with what makes them.
  const origins = new Map<string, string>(); // the base of every value's chain
  const isSums = (value: string) => !isInput(value) && meaningOf(definer(value)!).role === "sums";
  const sums = new Set(ends.filter(isSums));
  const fused = new Set<string>();
  for (const node of nodes) {
    if (meaningOf(node).readsCodes) continue;
    const { output } = node;
    const [input] = node.inputs as [string];
    const before = sameCodes(input);
    const from = isBase(before) ? before : origins.get(input)!;
    origins.set(output, from);
    const base = mixedSums.get(from) ?? from;
    if (!codes.has(output) || !isSums(base)) continue;
    if (fused.has(base)) sums.add(base);
    fused.add(base);
  }

  const endCodes = new Set(ends.map(sameCodes));
  const otherReaders = new Set<string>(); // values that more than dense nodes with binary weights read
  for (const node of nodes) {
    if (takesBits(node, shapes)) continue;
    for (const value of node.inputs.map(sameCodes)) if (sameCodes(node.output) !== value) otherReaders.add(value);
  }
  const isBit = (value: string): boolean => {
    const own = form.get(value)!;
    if (own.kind !== "codes" || !own.bipolar || endCodes.has(value) || otherReaders.has(value)) return false;
    return !mixedSums.has(origins.get(value)!); // a plane makes bytes
  };
  const bits = new Set([...codes].filter(isBit));
  const keepers = nodes.filter(({ op }) => op === "maxpool" || op === "upsample");
  const pools = keepers.map(({ inputs, output }) => [sameCodes(inputs[0]!), output]);
  for (let before = -1; before !== bits.size; ) {
    before = bits.size;
    for (const ends of pools) {
      if (!ends.every((value) => bits.has(value))) for (const value of ends) bits.delete(value);
    }
  }
  const firstCodes = new Set(first.values());
  const isFirst = (value: string) => firstCodes.has(value);
  const numbers = graph.outputs.filter((name) => definer(name)?.op !== "argmax"); // which shows an index
  const shown = new Set(numbers.map((name) => sameCodes(baseOf(sourceOf(name)))));
  return { nodes, codes, bits, sums, tail, chain, mixed, sameCodes, first, isFirst, shown, definer };
}

/** Whether a node can read ±1 as bits: a pool, an upsampling, or a layer of binary weights, if groups are whole words. */
function takesBits(node: Node, shapes: Map<string, Picture>): boolean {
  if (node.op === "maxpool" || node.op === "avgpool" || node.op === "upsample") return true;
  if (!isWeighted(node) || !isBinary(node.weights.codes)) return false;
  if (node.op !== "conv2d" || node.groups === 1) return true;
  return (shapes.get(node.inputs[0]!)!.channels / node.groups) % 32 === 0;
}

/** Every input must lead to exactly one quantizer, and no output may come from an input without one. */
function refuseInputs(graph: Graph, quantized: string[], ends: string[]): void {
  const counts = new Map<string, number>();
  for (const input of quantized) counts.set(input, (counts.get(input) ?? 0) + 1);
  const shown = new Set(ends);
  const reasons: Unsupported[] = graph.inputs.flatMap(({ name, shape }) => {
    const quantizers = counts.get(name) ?? 0;
    if (quantizers === 1 && !shown.has(name)) return [];
    const [why, instead] =
      quantizers > 1
        ? [`${quantizers} quantizers read it`, "one quantizer for all its readers"]
        : ["no quantizer reads it", "declare one with --input-quant scale=…,zero=…,bits=…,signed|unsigned"];
    return [{ node: name, op: "input", shape: `[${shape.join(", ")}]`, why, instead }];
  });
  if (reasons.length > 0) throw new UnsupportedError(reasons);
}
