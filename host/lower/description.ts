import { accumulatorScale, type Codes, type Form } from "../graph/form.ts";
import type { DenseNode, GraphInput, QuantizeNode } from "../graph/graph.ts";
import type { InputDescription, OutputDescription } from "../program.ts";
import type { Link } from "./chain.ts";
import { compact, type Elements } from "./elements.ts";
import type { InputMeaning } from "./input.ts";
import type { Plan } from "./plan.ts";

/** `links` are the nodes from the input to the tensor `codes`: steps, and a quantizer at their end. */
export function describeInput(
  { name, shape }: GraphInput,
  { unit, basis }: InputMeaning,
  links: readonly Link[],
  codes: number,
): InputDescription {
  const steps = links.flatMap(({ node }) => (node.op === "step" ? [node.step] : []));
  const { quantizer } = links.at(-1)!.node as QuantizeNode;
  return { name, shape, unit, basis, steps, quantizer, codes };
}

/** How an output is computed from the elements of the tensor that holds `value`. */
export function describeOutput(
  name: string,
  plan: Plan,
  form: Map<string, Form>,
  elements: Map<string, Elements>,
  classes: string[] | undefined,
): { value: string; output: OutputDescription } {
  const end = plan.definer(name)!;
  const labels = classes && { classes };
  if (end.op === "argmax") {
    const output: OutputDescription = {
      name,
      shape: [],
      kind: "index",
      offset: [0],
      scale: [1],
      steps: [],
      softmax: false,
      ...labels,
    };
    return { value: name, output };
  }
  const softmax = end.op === "softmax";
  const { base, steps } = plan.tail(softmax ? end.input : name);
  const value = plan.sameCodes(base);
  const baseForm = form.get(base)!;
  const output: OutputDescription = {
    name,
    shape: [end.channels],
    kind: baseForm.kind === "codes" ? "codes" : "scores",
    offset: elements.get(value)!.offset,
    scale: compact(baseForm.kind === "codes" ? baseForm.scale : sumScale(plan.definer(base) as DenseNode, form)),
    steps: steps.map(({ step }) => step),
    softmax,
    ...labels,
  };
  return { value, output };
}

function sumScale(node: DenseNode, form: Map<string, Form>): Float64Array {
  return accumulatorScale(node, form.get(node.input) as Codes);
}
