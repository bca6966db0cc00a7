import type { Form } from "../graph/form.ts";
import type { Op, OpDescription, TensorDescription } from "../program.ts";
import type { Picture, Shape } from "../shape.ts";
import type { Budget } from "./chain.ts";
import type { Elements } from "./elements.ts";
import type { Plan } from "./plan.ts";

/** A program while it grows: its tensors with what they hold, and its ops, in the order they run. */
export class Builder {
  readonly plan: Plan;
  /** The shape of every value of the graph. */
  readonly shapes: Map<string, Picture>;
  /** The form of every value of the graph, and what the tensors of planned values hold. */
  readonly form: Map<string, Form>;
  readonly elements: Map<string, Elements>;
  /** What looking for steps may still cost. */
  readonly budget: Budget;
  readonly tensors: Shape[] = [];
  readonly described: (TensorDescription | null)[] = [];
  readonly ops: Op[] = [];
  readonly names: OpDescription[] = [];
  readonly notes: string[] = [];
  readonly #tensorOf = new Map<string, number>();

  constructor(
    plan: Plan,
    shapes: Map<string, Picture>,
    form: Map<string, Form>,
    elements: Map<string, Elements>,
    budget: Budget,
  ) {
    this.plan = plan;
    this.shapes = shapes;
    this.form = form;
    this.elements = elements;
    this.budget = budget;
  }

  /** The tensor that holds a value, or the same codes. */
  tensorOf(value: string): number {
    return this.#tensorOf.get(this.plan.sameCodes(value))!;
  }

  /** A new tensor for an input, whose elements still wait for their quantizer. */
  addInput(name: string): number {
    return this.#add(name, null);
  }

  /** A new tensor for a planned value. */
  addTensor(value: string): number {
    return this.#add(value, { value, offset: this.elements.get(value)!.offset });
  }

  #add(value: string, description: TensorDescription | null): number {
    const { dtype } = this.elements.get(value)!;
    const tensor = this.addPlain({ dtype, ...this.shapes.get(value)! }, description);
    this.#tensorOf.set(value, tensor);
    return tensor;
  }

  /** A new tensor that later ops do not find by a value. */
  addPlain(shape: Shape, description: TensorDescription | null): number {
    this.described.push(description);
    return this.tensors.push(shape) - 1;
  }

  /** A tensor that is there already holds a value, too: its elements are the codes. */
  setTensor(value: string, tensor: number): void {
    this.#tensorOf.set(value, tensor);
    this.described[tensor] = { value, offset: this.elements.get(value)!.offset };
  }

  addOp(op: Op, name: OpDescription): void {
    this.ops.push(op);
    this.names.push(name);
  }
}
