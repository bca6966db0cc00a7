import type { Quantizer } from "../numbers/quantizer.ts";
import type { Graph, Node } from "./graph.ts";
import { freshNames, valueNames } from "./names.ts";
import { inputPicture } from "./shapes.ts";

/** The graph with quantizers behind some of its values, which all their readers then read. */
export function insertQuantizers(graph: Graph, quantizers: ReadonlyMap<string, Quantizer>): Graph {
  const fresh = freshNames(valueNames(graph));
  const names = new Map([...quantizers.keys()].map((value) => [value, fresh(`${value}_quantized`)]));
  const renamed = (value: string): string => names.get(value) ?? value;
  const quantize = (input: string, channels: number): Node[] => {
    const [quantizer, output] = [quantizers.get(input), names.get(input)];
    return quantizer && output ? [{ op: "quantize", name: output, inputs: [input], output, channels, quantizer }] : [];
  };
  return {
    ...graph,
    nodes: [
      ...graph.inputs.flatMap((input) => quantize(input.name, inputPicture(input).channels)),
      ...graph.nodes.flatMap((node) => [
        { ...node, inputs: node.inputs.map(renamed) },
        ...quantize(node.output, node.channels),
      ]),
    ],
    outputs: graph.outputs.map(renamed),
  };
}
