import { CheckpointError, type Unsupported, UnsupportedError } from "../../base/errors.ts";
import { FOLDED, MAX_ROW_ELEMENTS } from "../../base/limits.ts";
import type { Graph, GraphInput, Node } from "../../graph/graph.ts";
import { freshNames } from "../../graph/names.ts";
import { unsupportedIn } from "../../graph/supported.ts";
import { type Checkpoint, endInArgmax, type ImportOptions } from "../checkpoint.ts";
import { Refusal } from "../refusal.ts";
import { CODES, type Call, type Codes, pictureOf, quantizationOf, rowOf, type Value } from "./call.ts";
import { dequantizeNode, emitQuantize } from "./emit.ts";
import { type FileTensor, type Model, type Operator, readModel } from "./model.ts";
import { OPS } from "./ops.ts";

/**
 * Reads a TensorFlow Lite file of int8 into a graph whose numbers are the file's integers: codes have scale 1, sums are scaled in the file's own fixed
 * point. Throws `CheckpointError` for a bad file and `UnsupportedError`, with all reasons, for what this version cannot convert.
 */
export function importTflite(bytes: Uint8Array, options: ImportOptions = {}): Checkpoint {
  const model = readModel(bytes);
  if (options.inputQuantizer) {
    throw new CheckpointError(
      "an input quantizer was declared, but a TensorFlow Lite file says itself how its input is quantized",
    );
  }
  const { graph, reasons, notes } = walk(model, weightBudget(bytes.length));
  if (options.argmax) endInArgmax(graph);
  const all = reasons.length > 0 ? reasons : unsupportedIn(graph);
  if (all.length > 0) throw new UnsupportedError(all);
  return { graph, notes, producer: model.description };
}

/** Weights that all layers may have: every byte of a file twice, and as many more as any file may (limits.ts). */
function weightBudget(fileBytes: number): Call["spend"] {
  const limit = FOLDED.any + 2 * fileBytes;
  let spent = 0;
  return (weights) => {
    spent += weights;
    if (spent > limit)
      throw new CheckpointError(`model: its layers read more than ${limit} weights, too many for what it holds`);
  };
}

function walk(model: Model, spend: Call["spend"]): { graph: Graph; reasons: Unsupported[]; notes: string[] } {
  const { tensors, operators } = model;
  const live = liveOperators(model);
  const names = uniqueNames(tensors);
  const fresh = freshNames(new Set(names));
  const reasons: Unsupported[] = [];
  const nodes: Node[] = [];
  const emit = (node: Node) => nodes.push(node);
  const values = new Map<number, Value>();
  const inputs: GraphInput[] = [];
  const refused = (error: unknown, node: string, op: string, shape: readonly number[]): Value => {
    if (!(error instanceof Refusal)) throw error;
    reasons.push({ node, op, shape: `[${shape.join(", ")}]`, why: error.why, instead: error.instead });
    return { kind: "broken" };
  };

  for (const index of new Set(model.inputs)) {
    if (!live.read.has(index)) continue;
    const tensor = tensors[index]!;
    const name = names[index]!;
    try {
      const { input, value } = makeInput(tensor, name, firstRow(model, live.operators, index), fresh, emit);
      inputs.push(input);
      values.set(index, value);
    } catch (error) {
      values.set(index, refused(error, name, "input", tensor.shape));
    }
  }

  const isOutput = new Set(model.outputs);
  for (const operator of live.operators) {
    const [output, ...others] = operator.outputs;
    const name = names[output!]!;
    const lookUp = (index: number): Value | undefined => {
      if (index < 0) return undefined;
      const tensor = tensors[index]!;
      const value = values.get(index) ?? (tensor.data.length > 0 ? ({ kind: "constant", tensor } as const) : undefined);
      if (value) return value;
      throw new CheckpointError(`${operator.name} "${name}" reads "${names[index]}", which nothing before it makes`);
    };
    const call: Call = {
      name,
      inputs: operator.inputs.map(lookUp),
      output: tensors[output!]!,
      options: operator.options,
      value: isOutput.has(output!) ? fresh(`${name}_codes`) : name,
      fresh,
      emit,
      spend,
    };
    let result: Value = { kind: "broken" };
    try {
      result = convert(operator, call);
    } catch (error) {
      refused(error, name, operator.name, call.output.shape);
    }
    for (const [i, index] of [output!, ...others].entries()) {
      if (values.has(index) || tensors[index]!.data.length > 0) {
        throw new CheckpointError(`${operator.name} "${name}" makes "${names[index]}", which is made already`);
      }
      values.set(index, i === 0 ? result : { kind: "broken" });
    }
  }

  if (model.outputs.length === 0) throw new CheckpointError("model: no outputs, expected at least one");
  const renamed = new Map<string, string>();
  /** Gives a value the name of an output, unless the network's input or another output has it. */
  const rename = (value: string, name: string): string => {
    const isTaken = inputs.some((input) => input.name === name) || [...renamed.values()].includes(name);
    if (!isTaken) renamed.set(value, name);
    return isTaken ? value : name;
  };
  const outputs = model.outputs.flatMap((index): string[] => {
    const value = values.get(index);
    const name = names[index]!;
    if (value?.kind === "broken") return [];
    if (value?.kind === "real") return [renamed.get(value.value) ?? rename(value.value, name)];
    if (value?.kind !== "codes") throw new CheckpointError(`output "${name}" does not depend on an input`);
    if (value.padding) {
      refused(new Refusal("it shows what a PAD made", "the picture before it"), name, "output", value.row);
      return [];
    }
    const shown = fresh(`${name}_real`);
    emit(dequantizeNode(name, value, shown));
    return [rename(shown, name)];
  });
  const nameOf = (value: string) => renamed.get(value) ?? value;
  const named = nodes.map((node) => ({ ...node, inputs: node.inputs.map(nameOf), output: nameOf(node.output) }));
  const idle = operators.length - live.operators.length;
  const notes = idle > 0 ? [`${idle} of ${operators.length} operators serve no output and are left out`] : [];
  return { graph: { name: model.description, inputs, nodes: named, outputs }, reasons, notes };
}

function convert(operator: Operator, call: Call): Value {
  const op = Object.hasOwn(OPS, operator.name) ? OPS[operator.name] : undefined;
  if (!op) throw new Refusal("no such operator here", `what a network of layers needs: ${Object.keys(OPS).join(", ")}`);
  if (call.inputs.some((value) => value?.kind === "broken")) return { kind: "broken" };
  const odd = call.inputs.find((value) => value?.kind === "constant" && value.tensor.odd);
  if (odd?.kind === "constant") {
    throw new Refusal(`its operand "${odd.tensor.name}" is ${odd.tensor.odd}`, "constants as they are");
  }
  const { type } = call.output;
  const other = call.inputs.find((value): value is Codes => value?.kind === "codes" && value.type !== type);
  if (other && Object.hasOwn(CODES, type) && operator.name !== "QUANTIZE") {
    throw new CheckpointError(`${operator.name} "${call.name}" makes ${type} of ${other.type}, expected one type`);
  }
  return op(call);
}

/** An input as a graph has it, and what an operator reads of it. */
function makeInput(
  tensor: FileTensor,
  name: string,
  row: number[],
  fresh: Call["fresh"],
  emit: Call["emit"],
): { input: GraphInput; value: Value } {
  const picture = pictureOf(row);
  const count = rowOf(tensor).reduce((product, size) => product * size, 1);
  if (!(count >= 1 && count <= MAX_ROW_ELEMENTS)) {
    throw new Refusal(`it has ${count} elements`, `1 to ${MAX_ROW_ELEMENTS}`);
  }
  const input: GraphInput = { name, shape: row, ...(row.length > 1 && { layout: "hwc" }) };
  if (tensor.type === "FLOAT32") return { input, value: { kind: "real", value: name, row, picture } };
  const quantization = quantizationOf(tensor);
  const { type, scale, zero } = quantization;
  const value = fresh(`${name}_codes`);
  emitQuantize({ name, fresh, emit }, name, picture.channels, value, quantization);
  const unit = { multiply: [scale], divide: [1], mean: [Math.fround(zero * scale)], std: [1] };
  return {
    input: { ...input, codes: { dtype: type === "INT8" ? "i8" : "u8", unit } },
    value: { kind: "codes", value, row, picture, ...quantization },
  };
}

/** The row that an input is once the RESHAPEs right behind it are done, each its only reader: a vector may be a picture. */
function firstRow(model: Model, operators: readonly Operator[], index: number): number[] {
  const row = rowOf(model.tensors[index]!);
  const [reader, ...others] = operators.filter(({ inputs }) => inputs.includes(index));
  if (reader?.name !== "RESHAPE" || others.length > 0 || row.length > 1 || model.outputs.includes(index)) return row;
  const next = rowOf(model.tensors[reader.outputs[0]!]!);
  const isSame = next.reduce((a, b) => a * b, 1) === row[0] && next.length <= 3;
  return isSame ? next : row;
}

/** Operators that an output depends on, in the order of the file, which is that in which they run, and all tensors that they read. */
function liveOperators({ operators, outputs }: Model): { operators: Operator[]; read: Set<number> } {
  const read = new Set(outputs);
  const live = operators.toReversed().filter((operator) => {
    if (!operator.outputs.some((index) => read.has(index))) return false;
    for (const index of operator.inputs) read.add(index);
    return true;
  });
  return { operators: live.reverse(), read };
}

/** A name of its own for each tensor. */
function uniqueNames(tensors: readonly FileTensor[]): string[] {
  const fresh = freshNames(new Set());
  return tensors.map(({ name }, i) => fresh(name || `tensor_${i}`));
}
