import { CheckpointError, type Unsupported, UnsupportedError } from "../../../base/errors.ts";
import { MAX_NODES, MAX_ROW_ELEMENTS } from "../../../base/limits.ts";
import type { Graph, GraphInput, Node } from "../../../graph/graph.ts";
import { freshNames } from "../../../graph/names.ts";
import type { FloatNode, FloatOp } from "../../../graph/ops/float.ts";
import { meaningOf } from "../../../graph/ops/index.ts";
import { inputPicture } from "../../../graph/shapes.ts";
import type { Picture } from "../../../shape.ts";
import { Refusal } from "../../refusal.ts";
import { elements } from "../../tensor.ts";
import { budget } from "../budget.ts";
import { attributesOf, type Constant, type Sink } from "../call.ts";
import { OPS as OF_CONSTANTS } from "../ops.ts";
import type { GraphProto, NodeProto } from "../proto.ts";
import { readConstant } from "../tensor.ts";
import { inputView } from "./linear.ts";
import { OPS } from "./ops.ts";
import { type Call, PLAIN, type RegionSink, type Value } from "./value.ts";
import { isPlain, type View, viewOf } from "./view.ts";

// A float network of an ONNX file as one float region: encoders as PyTorch exports them, fused or decomposed. Every value is a view of a row of a graph's value
// (view.ts); what decomposed norms, GELU and attention have in between is kept as what it is on the way to. The axis of the batch counts as one of size 1.

/** Whether it is among the ops that float networks are made of. */
export function isRegionOp(op: string): boolean {
  return Object.hasOwn(OPS, op);
}

/** A file as a float graph. Throws UnsupportedError with all nodes that are in the way. */
export function importRegion(file: GraphProto, opset: number): { graph: Graph; notes: string[] } {
  if (file.node.length > MAX_NODES) {
    throw new CheckpointError(`model.graph: ${file.node.length} nodes, expected at most ${MAX_NODES}`);
  }
  const region = new Region(file, opset);
  const reasons: Unsupported[] = [];
  for (const node of file.node) {
    const where = node.name || node.output[0] || "";
    try {
      region.add(node);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      reasons.push({ node: where, op: node.op_type ?? "", shape: "", why: error.why, instead: error.instead });
      for (const output of node.output) region.values.set(output, { kind: "unknown" });
    }
  }
  if (reasons.length > 0) throw new UnsupportedError(reasons);
  return { graph: region.graph(), notes: region.sink.notes };
}

class Region implements RegionSink {
  readonly values = new Map<string, Value>();
  readonly #file: GraphProto;
  readonly #inputs: GraphInput[];
  readonly #nodes: Node[] = [];
  readonly #makers = new Map<string, FloatNode>();
  readonly #pictures = new Map<string, Picture>();

  readonly sink: Sink;
  readonly scaled = new Map<string, string>();
  readonly #opset: number;
  /** What a difference of constants was made of. */
  readonly #differences = new Map<Constant, readonly [Constant, Constant]>();

  constructor(file: GraphProto, opset: number) {
    this.#file = file;
    this.#opset = opset;
    const fresh = freshNames(new Set(file.node.flatMap(({ input, output }) => [...input, ...output])));
    const none = { nodes: [], makers: new Map(), keepsFloats: false, takeAsPicture: () => false }; // constants need none of these
    this.sink = { ...none, notes: [], fresh, ...budget() };
    const constants = new Set(file.initializer.map(({ name }) => name));
    for (const tensor of file.initializer) {
      const name = tensor.name ?? "";
      this.values.set(name, readConstant(tensor, name, this.sink));
    }
    this.#inputs = file.input.filter(({ name }) => !constants.has(name)).map((info) => inputOf(info));
    for (const input of this.#inputs) {
      const picture = inputPicture(input);
      this.#pictures.set(input.name, picture);
      this.values.set(input.name, inputView(input, picture));
    }
  }

  graph(): Graph {
    const outputs = this.#file.output.map(({ name = "" }) => {
      const view = this.#view(name);
      const end = this.#nodes.find(({ output }) => output === view.source);
      if (end?.op !== "softmax" && !isPlain(view))
        throw new CheckpointError(`output "${name}": a part of "${view.source}", expected all of a value`);
      return view.source;
    });
    return { name: "main", inputs: this.#inputs, nodes: this.#nodes, outputs, isFloat: true };
  }

  add(node: NodeProto): void {
    const op = node.op_type ?? "";
    const inputs = node.input.map((name) => (name === "" ? undefined : this.#known(name)));
    const constants = inputs.flatMap((value) => (value === undefined || value.kind === "constant" ? [value] : []));
    if (constants.length === inputs.length && Object.hasOwn(OF_CONSTANTS, op)) {
      this.values.set(node.output[0] ?? "", this.#folded(node, op, constants));
      return;
    }
    const run = Object.hasOwn(OPS, op) ? OPS[op] : undefined;
    if (!run) throw new Refusal(`${op} is not among what float networks are made of`, Object.keys(OPS).join(", "));
    if (inputs.some((value) => value?.kind === "unknown")) {
      for (const output of node.output) this.values.set(output, { kind: "unknown" });
      return;
    }
    const call: Call = {
      region: this,
      sink: this.sink,
      name: node.name || node.output[0] || "",
      inputs,
      outputs: node.output,
      attributes: attributesOf(node, `${op} "${node.name ?? ""}"`),
    };
    const made = run(call);
    for (const [i, value] of [made].flat().entries()) this.values.set(node.output[i] ?? "", value);
  }

  /** What a node makes of constants, as in networks of codes: quantized weights keep their grid. w + (q − w), which lets gradients through, is q. */
  #folded(node: NodeProto, op: string, inputs: readonly (Constant | undefined)[]): Value {
    const [name, output] = [node.name || node.output[0] || "", node.output[0] ?? ""];
    const [a, b] = inputs as [Constant, Constant]; // of an operator with two
    if (op === "Add") {
      const [q, w] = this.#differences.get(b) ?? this.#differences.get(a) ?? [];
      if (q && (w === a || w === b)) return q;
    }
    const attributes = attributesOf(node, `${op} "${node.name ?? ""}"`);
    const made = OF_CONSTANTS[op]!({
      name,
      opType: op,
      opset: this.#opset,
      inputs: [...inputs],
      attributes,
      output,
      sink: this.sink,
    });
    if (made.kind !== "constant") throw new CheckpointError(`${op} "${name}": found ${made.kind} made of constants`);
    this.sink.spend(made.data.length);
    if (op === "Sub") this.#differences.set(made, [a, b]);
    return made;
  }

  #known(name: string): Value {
    const value = this.values.get(name);
    if (!value) throw new CheckpointError(`value "${name}", which no node before defines`);
    return value;
  }

  #view(name: string): View {
    const value = this.#known(name);
    if (value.kind === "data") return value;
    throw new CheckpointError(`output "${name}": found ${value.kind}, expected what a layer gives`);
  }

  emit(
    name: string,
    compute: FloatOp,
    inputs: string[],
    output: string,
    more: Pick<FloatNode, "weightsName" | "rows"> = {},
  ): View {
    const pictures = inputs.map((input) => this.#pictures.get(input)!);
    const node: FloatNode = { op: "float", name, inputs, output, channels: 0, compute, ...more };
    const problem = meaningOf(node).problem(node, pictures);
    if (problem) throw new Refusal(problem, PLAIN);
    const picture = meaningOf(node).shape(node, pictures);
    node.channels = picture.channels;
    this.#nodes.push(node);
    this.#makers.set(output, node);
    this.#pictures.set(output, picture);
    return viewOf(output, picture);
  }

  emitSoftmax(name: string, { source, picture }: View, output: string): View {
    this.#nodes.push({ op: "softmax", name, inputs: [source], output, channels: picture.channels });
    return viewOf(output, picture);
  }

  isOutput(name: string): boolean {
    return this.#file.output.some((output) => output.name === name);
  }

  maker(view: View): FloatNode | undefined {
    return this.#makers.get(view.source);
  }
}

/** The input of a file: [batch, channels, height, width], [batch, positions, channels] or [batch, channels]. */
function inputOf({ name = "", type }: GraphProto["input"][number]): GraphInput {
  const dims = type?.tensor_type?.shape?.dim.map(({ dim_value }) => dim_value) ?? [];
  const [, ...shape] = dims;
  const isKnown = shape.every((size) => size !== undefined && size > 0);
  if (shape.length < 1 || shape.length > 3 || !isKnown || elements(shape as number[]) > MAX_ROW_ELEMENTS) {
    throw new CheckpointError(
      `input "${name}": shape [${dims.map((size) => size ?? "?").join(", ")}], expected the batch and one to three sizes`,
    );
  }
  if (shape.length === 1) return { name, shape: shape as number[] };
  return { name, shape: shape as number[], layout: shape.length === 3 ? "chw" : "hwc" };
}
