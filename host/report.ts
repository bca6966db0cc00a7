import { packingOf } from "./blob/pack/pack.ts";
import { tilingOf } from "./blob/tiles.ts";
import type { Graph } from "./graph/graph.ts";
import type { Weights } from "./graph/ops/weights.ts";
import { isWeighted, type Program, type WeightDtype } from "./program.ts";

/** What a converter found in a weight tensor, and what it made of it. */
export interface WeightsReport {
  /** Name of the tensor and shape (outputs, inputs). */
  name: string;
  shape: [number, number];
  /** How the checkpoint held it (graph/graph.ts). */
  found: Weights["found"];
  /** Bits that the checkpoint declares or, where it does not, that its codes need. */
  bits: number | undefined;
  dtype: WeightDtype;
  packing: string;
  /** Share of zero and of negative weights, 0 … 1. */
  zeros: number;
  negatives: number;
  /** Least and greatest scale as the checkpoint has it; weight = code · scale. */
  scale: { min: number; max: number; perChannel: boolean };
  /** Bytes in the blob, parameters of the channels included. */
  bytes: number;
}

/** One report per dense op, in the order of the program. */
export function weightsReport(program: Program, graph: Graph): WeightsReport[] {
  const nodes = new Map(graph.nodes.flatMap((node) => ("weights" in node ? [[node.name, node] as const] : [])));
  return program.ops.flatMap((op, i) => {
    const node = nodes.get(program.description?.ops[i]?.node ?? "");
    if (!isWeighted(op) || !node) return [];
    const { codes, outputs, inputs, found, bits, fileScale } = node.weights;
    const scale = fileScale ?? node.weights.scale;
    const share = (test: (code: number) => boolean) => codes.filter(test).length / codes.length;
    const { tiles, tileBytes } = tilingOf(program, op);
    return {
      name: node.weights.name,
      shape: [outputs, inputs],
      found,
      bits,
      dtype: op.dtype,
      packing: packingOf(op).name,
      zeros: share((code) => code === 0),
      negatives: share((code) => code < 0),
      scale: {
        min: scale.reduce((a, b) => Math.min(a, b)),
        max: scale.reduce((a, b) => Math.max(a, b)),
        perChannel: scale.length > 1,
      },
      bytes: tiles * tileBytes,
    };
  });
}
