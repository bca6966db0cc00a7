import { type Unsupported, UnsupportedError } from "../errors.ts";
import type { Codes, Form } from "../graph/form.ts";
import type { Graph, Node, QuantizeNode, StepNode } from "../graph/graph.ts";
import { liveNodes } from "../graph/live.ts";
import type { Link } from "./chain.ts";
import { isBinary } from "./dense.ts";
import { codeCount, MAX_CODES } from "./elements.ts";

/** Which values of a graph get a tensor, and what stands between them. Per-element nodes between two tensors are fused. */
export interface Plan {
  /** Nodes that an output depends on, in the order of the graph. */
  nodes: Node[];
  /** Codes that a dense node or an output reads, or that come first behind an input. */
  codes: Set<string>;
  /** Of these, ±1 codes that only dense nodes with binary weights read. */
  bits: Set<string>;
  /** Accumulators that an output reads, or more than one quantizer. All others are fused into their quantizer. */
  sums: Set<string>;
  /** What outputs are made from: the value of codes or accumulators, and the steps behind it. */
  tail(value: string): { base: string; steps: StepNode[] };
  /** What codes are made from: the value of an input, of accumulators or of other codes, and the nodes between. */
  chain(codes: string): { base: string; links: Link[] };
  /** The value that first holds the same codes: a scalar factor changes only their scale. */
  sameCodes(value: string): string;
  /** The node that defines a value; undefined for inputs. */
  definer(value: string): Node | undefined;
}

export function planTensors(graph: Graph, form: Map<string, Form>): Plan {
  const definers = new Map(graph.nodes.map((node) => [node.output, node]));
  const definer = (value: string) => definers.get(value);
  const isCodes = (value: string) => form.get(value)!.kind === "codes";
  const isInput = (value: string) => !definers.has(value);

  const sameCodes = (value: string): string => {
    const node = definer(value);
    return node?.op === "step" && node.step.kind !== "relu" && isCodes(value) ? sameCodes(node.input) : value;
  };

  const tail = (value: string): { base: string; steps: StepNode[] } => {
    const node = definer(value);
    if (node?.op !== "step" || isCodes(value)) return { base: value, steps: [] };
    const { base, steps } = tail(node.input);
    return { base, steps: [...steps, node] };
  };

  const nodes = liveNodes(graph);
  const ends = [...outputSources(graph)].map((value) => tail(value).base);
  const firsts = nodes.filter((node): node is QuantizeNode => node.op === "quantize" && isInput(tail(node.input).base));
  const quantized = firsts.map((node) => tail(node.input).base);
  refuseInputs(graph, quantized, ends);

  const read = [
    ...nodes.filter((node) => node.op === "dense").map((node) => sameCodes(node.input)),
    ...ends.filter(isCodes).map(sameCodes),
  ];

  /** Codes of more than a byte that only lead to another quantizer need no tensor: both are one function of the input's elements. */
  const narrowed = (first: QuantizeNode): QuantizeNode => {
    if (codeCount(form.get(first.output) as Codes) <= MAX_CODES || read.includes(first.output)) return first;
    for (let value = first.output; ; ) {
      const readers = nodes.filter((node) => node.input === value);
      const [next] = readers;
      if (readers.length !== 1 || ends.includes(value) || !next) return first;
      if (next.op === "quantize") return narrowed(next);
      if (next.op !== "step" || (next.step.kind === "relu" && isCodes(next.output))) return first;
      value = next.output;
    }
  };

  const codes = new Set([...firsts.map((node) => narrowed(node).output), ...read]);

  const chain = (value: string): { base: string; links: Link[] } => {
    const node = definer(value) as Link["node"];
    const link = { node, from: form.get(node.input)!, to: form.get(value)! };
    const before = sameCodes(node.input);
    const isBase = codes.has(before) || isInput(before) || definer(before)!.op === "dense";
    if (isBase) return { base: before, links: [link] };
    const { base, links } = chain(node.input);
    return { base, links: [...links, link] };
  };

  const bases = [...codes].map((value) => chain(value).base);
  const isDense = (value: string) => definer(value)?.op === "dense";
  const sums = new Set([...ends, ...bases.filter((base, i) => bases.indexOf(base) !== i)].filter(isDense));

  const isBit = (value: string): boolean => {
    const own = form.get(value)!;
    const readers = nodes.filter((node) => sameCodes(node.input) === value && sameCodes(node.output) !== value);
    const binary = (node: Node) => node.op === "dense" && isBinary(node.weights);
    return (
      own.kind === "codes" && own.bipolar && !ends.some((end) => sameCodes(end) === value) && readers.every(binary)
    );
  };
  return { nodes, codes, bits: new Set([...codes].filter(isBit)), sums, tail, chain, sameCodes, definer };
}

/** Values whose numbers outputs show, or whose softmax or argmax they are. */
function outputSources(graph: Graph): Set<string> {
  const ends = new Map(
    graph.nodes.filter(({ op }) => op === "softmax" || op === "argmax").map((node) => [node.output, node.input]),
  );
  return new Set(graph.outputs.map((value) => ends.get(value) ?? value));
}

/** Every input must lead to exactly one quantizer, and no output may come from an input without one. */
function refuseInputs(graph: Graph, quantized: string[], ends: string[]): void {
  const reasons: Unsupported[] = graph.inputs.flatMap(({ name, shape }) => {
    const quantizers = quantized.filter((input) => input === name).length;
    if (quantizers === 1 && !ends.includes(name)) return [];
    const [why, instead] =
      quantizers > 1
        ? [`${quantizers} quantizers read it`, "one quantizer for all its readers"]
        : ["no quantizer reads it", "declare one with --input-quant scale=…,zero=…,bits=…,signed|unsigned"];
    return [{ node: name, op: "input", shape: `[${shape.join(", ")}]`, why, instead }];
  });
  if (reasons.length > 0) throw new UnsupportedError(reasons);
}
