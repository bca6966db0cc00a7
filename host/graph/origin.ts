import { affineOf, keepsCodes, NO_OFFSET } from "./carry.ts";
import type { Graph, Node } from "./graph.ts";
import { meaningOf } from "./ops/index.ts";

/** Whether a node makes integers of its own: codes, or sums. */
function makesIntegers(node: Node): boolean {
  const { role } = meaningOf(node);
  return role === "codes" || role === "sums";
}

/** Where a value comes from, back through per-element steps, softmax and argmax. */
export interface Origin {
  /** Undefined where it is an input of the graph. */
  node: Node | undefined;
  /** The node's value, or the input. */
  value: string;
  /** The first node passed that does not keep codes, and the first and the last that no carried constants pass (carry.ts). */
  shift: Node | undefined;
  blocker: Node | undefined;
  last: Node | undefined;
  /** What was added since then. */
  offset: Float64Array;
}

/** The origin of every value, and the node that defines it. */
export function originsOf(graph: Graph): { origin: (value: string) => Origin; producer: Map<string, Node> } {
  const origins = new Map<string, Origin>();
  const producer = new Map<string, Node>();
  const start = { shift: undefined, blocker: undefined, last: undefined, offset: NO_OFFSET };
  const origin = (value: string): Origin => origins.get(value) ?? { node: undefined, value, ...start };
  for (const node of graph.nodes) {
    producer.set(node.output, node);
    if (makesIntegers(node)) {
      origins.set(node.output, { node, value: node.output, ...start });
      continue;
    }
    const before = origin(node.inputs[0]!);
    const affine = node.op === "step" ? affineOf(node.step, before.offset) : undefined;
    origins.set(node.output, {
      ...before,
      shift: before.shift ?? (keepsCodes(node) ? undefined : node),
      blocker: before.blocker ?? (affine ? undefined : node),
      last: affine ? before.last : node,
      offset: affine?.offset ?? NO_OFFSET,
    });
  }
  return { origin, producer };
}
