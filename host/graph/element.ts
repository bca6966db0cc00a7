import type { Form } from "./form.ts";
import { type QuantizeNode, quantizedForm, quantizeElement } from "./ops/quantize.ts";
import { type StepNode, stepElement, steppedForm } from "./ops/step.ts";

/** A node that makes each number from one number. */
export type ElementNode = QuantizeNode | StepNode;

/** The form that a node gives to numbers of the form `input`. */
export function formOf(node: ElementNode, input: Form): Form {
  return node.op === "quantize" ? quantizedForm(node.quantizer) : steppedForm(node.step, input);
}

/** A node applied to one number of the form `from`; `to` is `formOf(node, from)`. */
export function applyNode(node: ElementNode, from: Form, to: Form, x: number, channel: number): number {
  return node.op === "quantize" ? quantizeElement(node, from, x, channel) : stepElement(node, from, to, x, channel);
}
