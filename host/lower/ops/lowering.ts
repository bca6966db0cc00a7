import type { Form } from "../../graph/form.ts";
import type { Node } from "../../graph/graph.ts";
import type { Picture } from "../../shape.ts";
import type { Builder } from "../builder.ts";
import type { Elements } from "../elements.ts";
import type { Plan } from "../plan.ts";

/** What is known while elements are described, in the order of the graph. */
export interface Described {
  plan: Plan;
  /** The shape of every value of the graph. */
  shapes: Map<string, Picture>;
  form: Map<string, Form>;
  /** Of the values before. */
  elements: Map<string, Elements>;
}

/** How nodes of an op become ops of a program. What cannot be is refused with UnsupportedError. */
export interface OpLowering<N extends Node> {
  /** What the tensor of the node's value holds, or would hold; undefined where it has none. */
  elements(node: N, known: Described): Elements | undefined;
  /** Adds what computes the node's value, if that has a tensor of its own. */
  lower(node: N, builder: Builder): void;
}
