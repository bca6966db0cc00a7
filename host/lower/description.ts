import type { Codes, Form } from "../graph/form.ts";
import type { GraphInput } from "../graph/graph.ts";
import type { QuantizeNode } from "../graph/ops/quantize.ts";
import { type SumNode, sumScale } from "../graph/ops/sums.ts";
import type { Step } from "../numbers/step.ts";
import type { InputDescription, OutputDescription } from "../program.ts";
import { type Picture, positionCount } from "../shape.ts";
import type { Link } from "./chain.ts";
import { compact, type Elements } from "./elements.ts";
import type { InputMeaning } from "./input.ts";
import type { Plan } from "./plan.ts";

/** `links` are the nodes from the input to the tensor `codes`: steps, and a quantizer at their end. */
export function describeInput(
  { name, shape, layout }: GraphInput,
  { unit, basis }: InputMeaning,
  links: readonly Link[],
  codes: number,
): InputDescription {
  const { quantizer } = links.at(-1)!.node as QuantizeNode;
  const wide: InputDescription["wide"] & object = [];
  let steps: Step[] = [];
  for (const [i, { node, to }] of links.slice(0, -1).entries()) {
    if (node.op === "step") {
      if (to.kind === "real") steps.push(node.step); // others change the scale of codes alone, which the next link has
      continue;
    }
    const behind = links.slice(i + 1).find((link) => link.to.kind === "real" || link.node.op === "quantize")!;
    wide.push({ steps, quantizer: node.quantizer, scale: compact((behind.from as Codes).scale) });
    steps = [];
  }
  return {
    name,
    shape,
    ...(layout && { layout }),
    unit,
    basis,
    ...(wide.length > 0 && { wide }),
    steps,
    quantizer,
    codes,
  };
}

/** How an output is computed from the elements of the tensor that holds `value`. */
export function describeOutput(
  name: string,
  plan: Plan,
  shapes: Map<string, Picture>,
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
  const { base, steps } = plan.tail(softmax ? end.inputs[0]! : name);
  const value = plan.sameCodes(base);
  const baseForm = form.get(base)!;
  const shape = shapes.get(end.output)!;
  const unit = (node: SumNode, [input] = node.inputs as [string]) =>
    sumScale(node, shapes.get(input)!, form.get(input) as Codes);
  const output: OutputDescription = {
    name,
    shape: positionCount(shape) === 1 ? [shape.channels] : [shape.height, shape.width, shape.channels],
    kind: baseForm.kind === "codes" ? "codes" : "scores",
    offset: elements.get(value)!.offset,
    scale: compact(baseForm.kind === "codes" ? baseForm.scale : unit(plan.definer(base) as SumNode)),
    steps: steps.map(({ step }) => step),
    softmax: (end.op === "softmax" && end.fixed) || softmax,
    ...(end.op === "softmax" && end.quantizer && { quantizer: end.quantizer }),
    ...labels,
  };
  return { value, output };
}
