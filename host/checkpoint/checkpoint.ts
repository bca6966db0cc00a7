import type { Graph } from "../graph/graph.ts";
import { freshNames, valueNames } from "../graph/names.ts";
import type { Quantizer } from "../numbers/quantizer.ts";
import type { Range } from "../quantize/ranges.ts";
import type { Kernels } from "./tflite/kernels.ts";

export interface ImportOptions {
  /** Quantizer of the input, for checkpoints that have none before their first layer. */
  inputQuantizer?: Quantizer;
  /** Whether outputs become the index of their greatest number. */
  argmax?: boolean;
  /** What becomes of a float network, which is refused if not given: it stays one (`isFloat` of its graph), of float nodes alone as lowering takes it ("region"), or it has int8 codes over these ranges (quantize/int8.ts). */
  floats?: "keep" | "region" | readonly Range[];
  /** Whose kernels a TensorFlow Lite file is computed as; LiteRT's if not given. */
  kernels?: Kernels;
}

export interface Checkpoint {
  graph: Graph;
  /** Sentences for people: what was found that is worth a look. */
  notes: string[];
  /** Name and version of the tool that wrote the file, as far as it says. */
  producer: string;
}

/** Puts an argmax at the end of each output that has none; before a softmax, which keeps the order. */
export function endInArgmax(graph: Graph): void {
  const fresh = freshNames(valueNames(graph));
  const makers = new Map(graph.nodes.map((node) => [node.output, node]));
  graph.outputs = graph.outputs.map((value) => {
    const end = makers.get(value);
    if (end?.op === "argmax") return value;
    const output = fresh(`${value}_argmax`);
    const input = end?.op === "softmax" ? end.inputs[0]! : value;
    graph.nodes.push({ op: "argmax", name: output, inputs: [input], output, channels: 1 });
    return output;
  });
  graph.nodes = graph.nodes.filter(({ op }) => op !== "softmax");
}
