import { CheckpointError, type Unsupported, UnsupportedError } from "../../base/errors.ts";
import { FOLDED, MAX_ROW_ELEMENTS } from "../../base/limits.ts";
import type { Graph, GraphInput, Node } from "../../graph/graph.ts";
import { freshNames } from "../../graph/names.ts";
import { unsupportedIn } from "../../graph/supported.ts";
import { type Checkpoint, endInArgmax, type ImportOptions } from "../checkpoint.ts";
import { Refusal } from "../refusal.ts";
import { type Call, CODES, type Codes, pictureOf, quantizationOf, rowOf, type Value } from "./call.ts";
import { dequantizeNode, emitQuantize } from "./emit.ts";
import type { Kernels } from "./kernels.ts";
import { type FileTensor, type Model, type Operator, readModel } from "./model.ts";
import { transposed } from "./moves.ts";
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
  const { graph, reasons, notes } = walk(model, options.kernels ?? "litert", weightBudget(bytes.length));
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

function walk(
  model: Model,
  kernels: Kernels,
  spend: Call["spend"],
): { graph: Graph; reasons: Unsupported[]; notes: string[] } {
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
    if (!live.readers.has(index)) continue;
    const tensor = tensors[index]!;
    const name = names[index]!;
    try {
      const { input, value } = makeInput(model, index, name, live.readers, { fresh, emit });
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
      custom: operator.custom,
      value: isOutput.has(output!) ? fresh(`${name}_codes`) : name,
      fresh,
      kernels,
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
    if (value && "order" in value && value.order) {
      const why = "a TRANSPOSE before it moves elements";
      refused(new Refusal(why, "what the TRANSPOSE reads as output"), name, "output", value.row);
      return [];
    }
    if (value?.kind === "real") return [renamed.get(value.value) ?? rename(value.value, name)];
    if (value?.kind === "signs") {
      refused(new Refusal("it is of bits", "LceDequantize before it"), name, "output", value.row);
      return [];
    }
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
  checkKernels(operator, call);
  const { type } = call.output;
  const other = call.inputs.find((value): value is Codes => value?.kind === "codes" && value.type !== type);
  if (other && Object.hasOwn(CODES, type) && operator.name !== "QUANTIZE") {
    throw new CheckpointError(`${operator.name} "${call.name}" makes ${type} of ${other.type}, expected one type`);
  }
  return op(call);
}

/** What tflite-micro computes in another way than LiteRT, or not at all. */
const TFLM_LACKS: ReadonlySet<string> = new Set(["RELU_N1_TO_1", "LOGISTIC", "TANH"]);

function checkKernels({ name }: Operator, call: Call): void {
  if (call.kernels === "litert") return;
  const isUnsigned =
    call.output.type === "UINT8" || call.inputs.some((value) => value?.kind === "codes" && value.type === "UINT8");
  const what = isUnsigned ? "codes of uint8" : TFLM_LACKS.has(name) ? name : undefined;
  if (what) throw new Refusal(`tflite-micro's kernels for ${what} are not known here`, "--kernels litert");
}

/** An input as a graph has it, and what an operator reads of it. */
function makeInput(
  model: Model,
  index: number,
  name: string,
  readers: Readers,
  { fresh, emit }: Pick<Call, "fresh" | "emit">,
): { input: GraphInput; value: Value } {
  const tensor = model.tensors[index]!;
  const count = rowOf(tensor).reduce((product, size) => product * size, 1);
  if (!(count >= 1 && count <= MAX_ROW_ELEMENTS)) {
    throw new Refusal(`it has ${count} elements`, `1 to ${MAX_ROW_ELEMENTS}`);
  }
  const isPlanes = areChannelsFirst(model, readers, index);
  const row = isPlanes ? rowOf(tensor) : firstRow(model, readers, index);
  const input: GraphInput = { name, shape: row, ...(row.length > 1 && { layout: isPlanes ? "chw" : "hwc" }) };
  const data = { row, picture: pictureOf(row), ...(isPlanes && planesOf(row)) };
  if (tensor.type === "FLOAT32") return { input, value: { kind: "real", value: name, ...data } };
  const quantization = quantizationOf(tensor);
  const { type, scale, zero } = quantization;
  const value = fresh(`${name}_codes`);
  emitQuantize({ name, fresh, emit }, name, data.picture.channels, value, quantization);
  const unit = { multiply: [scale], divide: [1], mean: [Math.fround(zero * scale)], std: [1] };
  return {
    input: { ...input, codes: { dtype: type === "INT8" ? "i8" : "u8", unit } },
    value: { kind: "codes", value, ...data, ...quantization },
  };
}

/** The one operator that reads a tensor; undefined where others do, or an output shows it. */
function readerOf(readers: Readers, index: number): Operator | undefined {
  const all = readers.get(index);
  return all?.length === 1 && all[0] !== "output" ? all[0] : undefined;
}

/** The row that an input is once the RESHAPEs right behind it are done, each its only reader: a vector may be a picture. */
function firstRow(model: Model, readers: Readers, index: number): number[] {
  const row = rowOf(model.tensors[index]!);
  const reader = readerOf(readers, index);
  if (reader?.name !== "RESHAPE" || row.length > 1) return row;
  const next = rowOf(model.tensors[reader.outputs[0]!]!);
  const isSame = next.reduce((a, b) => a * b, 1) === row[0] && next.length <= 3;
  return isSame ? next : row;
}

/** Whether an input is a picture with its channels first, which a TRANSPOSE, its only reader or that of its codes, moves behind the others: as exporters of PyTorch write it. */
function areChannelsFirst(model: Model, readers: Readers, index: number): boolean {
  if (model.tensors[index]!.shape.length !== 4) return false;
  const first = readerOf(readers, index);
  const reader = first?.name === "QUANTIZE" ? readerOf(readers, first.outputs[0]!) : first;
  return reader?.name === "TRANSPOSE" && isLast(model.tensors[reader.inputs[1]!]);
}

/** Whether a permutation is [0, 2, 3, 1], in int32. */
function isLast(permutation: FileTensor | undefined): boolean {
  const bytes = [0, 2, 3, 1].flatMap((axis) => [axis, 0, 0, 0]);
  const { type, data } = permutation ?? {};
  return type === "INT32" && data?.length === bytes.length && bytes.every((byte, i) => data[i] === byte);
}

/** Channels, height and width: the picture that they are, and where its elements are. */
function planesOf([channels, height, width]: readonly number[]) {
  const picture = { height: height!, width: width!, channels: channels! };
  return { picture, order: transposed([1, height!, width!, channels!], [0, 3, 1, 2]) };
}

/** Operators that an output depends on, in the order of the file, which is that in which they run, and of all tensors that they read, which of them do. */
function liveOperators({ operators, outputs }: Model): { operators: Operator[]; readers: Readers } {
  const readers: Readers = new Map(outputs.map((index) => [index, ["output"]]));
  const live = operators.toReversed().filter((operator) => {
    if (!operator.outputs.some((index) => readers.has(index))) return false;
    for (const index of operator.inputs) {
      const others = readers.get(index);
      if (others) others.push(operator);
      else readers.set(index, [operator]);
    }
    return true;
  });
  return { operators: live.reverse(), readers };
}

/** What reads each tensor. */
type Readers = Map<number, (Operator | "output")[]>;

/** A name of its own for each tensor. */
function uniqueNames(tensors: readonly FileTensor[]): string[] {
  const fresh = freshNames(new Set());
  return tensors.map(({ name }, i) => fresh(name || `tensor_${i}`));
}
