import type { Picture } from "../shape.ts";
import { type Graph, type GraphInput, rowSize } from "./graph.ts";
import { meaningOf } from "./ops/index.ts";

/** The picture that an input is; one position without a layout. */
export function inputPicture({ shape, layout }: Pick<GraphInput, "shape" | "layout">): Picture {
  if (!layout) return { height: 1, width: 1, channels: rowSize(shape) };
  const positions = layout === "chw" ? shape.slice(1) : shape.slice(0, -1);
  const channels = layout === "chw" ? shape[0]! : shape.at(-1)!;
  const [height, width] = positions.length === 2 ? positions : [1, ...positions];
  return { height: height!, width: width!, channels };
}

/** The shape of every value of a graph that has been checked. */
export function shapesOf(graph: Graph): Map<string, Picture> {
  const shapes = new Map(graph.inputs.map((input) => [input.name, inputPicture(input)]));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value) => shapes.get(value)!);
    shapes.set(node.output, meaningOf(node).shape(node, inputs));
  }
  return shapes;
}
