import { CheckpointError, InputError, type Unsupported, UnsupportedError } from "../../base/errors.ts";
import { MAX_NODES, MAX_ROW_ELEMENTS } from "../../base/limits.ts";
import { carryOffsets } from "../../graph/carry.ts";
import { commute } from "../../graph/commute.ts";
import type { Graph, GraphInput, Node } from "../../graph/graph.ts";
import { insertQuantizers } from "../../graph/insert.ts";
import { freshNames } from "../../graph/names.ts";
import { missingQuantizers, unsupportedIn } from "../../graph/supported.ts";
import type { Quantizer } from "../../numbers/quantizer.ts";
import { quantizedValues, toInt8 } from "../../quantize/int8.ts";
import { type Checkpoint, endInArgmax, type ImportOptions } from "../checkpoint.ts";
import { Refusal } from "../refusal.ts";
import { elements } from "../tensor.ts";
import { budget } from "./budget.ts";
import {
  attributesOf,
  type Call,
  type Data,
  type IntegerType,
  MAX_AXES,
  type Sink,
  shapeText,
  type Value,
} from "./call.ts";
import { integersOf, prepared } from "./linear.ts";
import { MICROSOFT, OPS } from "./ops.ts";
import { pictureOf } from "./picture.ts";
import {
  DATA_TYPE,
  decodeModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  subgraphReads,
  type TensorProto,
  type ValueInfoProto,
} from "./proto.ts";
import { importRegion, isRegionOp } from "./region/region.ts";
import { integerType, readConstant } from "./tensor.ts";

/** ONNX's own operators and QONNX's quantizers, under all names that exporters have used. */
const DOMAINS = ["", "ai.onnx", "onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general"];
/** The first operator set in which constants broadcast as in numpy. */
const MIN_OPSET = 7;
/**
 * Reads a QONNX or ONNX file into a graph. Throws `CheckpointError` for a bad file and `UnsupportedError`, with all
 * reasons, for what this version cannot convert.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): Checkpoint {
  const { floats } = options;
  const model = decodeModel(bytes);
  if (floats === "region") {
    if (options.argmax)
      throw new InputError("argmax: a network of floats gives scores, expected no index instead of them");
    return { ...importRegion(fileGraph(model), opsetOf(model)), producer: producerOf(model) };
  }
  const { graph: walked, reasons, notes } = walk(model, floats !== undefined);
  const producer = producerOf(model);
  if (floats === "keep") {
    // whatever ranges are found, what stands in the way of the int8 network stands there now
    settled(
      toInt8(
        walked,
        quantizedValues(walked).map(() => [0, 1]),
      ),
      reasons,
      options,
    );
    const graph: Graph = { ...walked, isFloat: true };
    if (options.argmax) endInArgmax(graph);
    return { graph, notes, producer };
  }
  const { graph, notes: made } = settled(floats ? toInt8(walked, floats) : walked, reasons, options);
  return { graph, notes: [...notes, ...made], producer };
}

function producerOf(model: ModelProto): string {
  return [model.producer_name, model.producer_version].filter(Boolean).join(" ");
}

/** The graph of a file, once its operator set is known. */
function fileGraph(model: ModelProto): GraphProto {
  const file = model.graph;
  if (!file) throw new CheckpointError("model: no graph, expected an ONNX file with one");
  opsetOf(model);
  checkNames(file);
  return file;
}

/** A graph as lowering takes it. Throws UnsupportedError with all reasons, those found before included. */
function settled(
  walked: Graph,
  reasons: readonly Unsupported[],
  options: ImportOptions,
): { graph: Graph; notes: string[] } {
  const notes: string[] = [];
  const { graph: read, notes: moved } = commute(walked);
  notes.push(...moved);
  if (options.inputQuantizer) notes.push(...quantizeInputs(read, options.inputQuantizer, reasons.length > 0));
  const { graph, notes: carried } = carryOffsets(read);
  notes.push(...carried);
  if (options.argmax) endInArgmax(graph);
  const all = [...reasons, ...unsupportedIn(graph)];
  if (all.length > 0) throw new UnsupportedError(all);
  return { graph, notes };
}

/** Goes through the nodes in the order of the file: data become graph nodes, constants and shapes are folded. */
function walk(model: ModelProto, keepsFloats: boolean): { graph: Graph; reasons: Unsupported[]; notes: string[] } {
  const file = model.graph;
  if (!file) throw new CheckpointError("model: no graph, expected an ONNX file with one");
  const opset = opsetOf(model);
  checkNames(file);
  const { nodes: live, read } = liveNodes(file);

  const names = new Set(file.node.flatMap((node) => [...node.input, ...node.output]));
  const values = new Map<string, Value>();
  const sink: Sink = {
    nodes: [],
    makers: new Map(),
    notes: [],
    fresh: freshNames(names),
    keepsFloats,
    takeAsPicture(name, row, { axes }) {
      const input = inputs.find((each) => each.name === name);
      const isFree = input && !sink.nodes.some((node) => node.inputs.includes(name));
      if (!isFree || !live.some(({ node }) => OF_PICTURES.has(node.op_type ?? ""))) return false;
      input.shape = row;
      input.layout = axes[0] === "c" ? "chw" : "hwc";
      return true;
    },
    ...budget(),
  };
  const reasons: Unsupported[] = [];
  const infos = new Map([...file.value_info, ...file.output].map((info) => [info.name, info]));

  const initializers = new Map(file.initializer.map((tensor) => [tensor.name ?? "", tensor]));
  const inputs = readInputs(file, initializers, read);
  for (const { name, dims, batch, integers, stored } of inputs) {
    const type = { ...(integers ? { integer: true } : { single: true }), ...(stored && { stored }) };
    values.set(name, { kind: "data", value: name, dims, batch, ...type });
  }
  if (live.some(({ node }) => OF_PICTURES.has(node.op_type ?? ""))) takePictures(inputs, values, live);

  const sparse = new Set(file.sparse_initializer.map((tensor) => tensor.values?.name ?? ""));
  const lookUp = (name: string, reader: string): Value => {
    const initializer = initializers.get(name);
    const known =
      values.get(name) ??
      (initializer && readConstant(initializer, name, sink)) ??
      (sparse.has(name) ? refuseSparse(name, reasons) : undefined);
    if (!known) throw new CheckpointError(`${reader} reads "${name}", ${whyUndefined(name, file)}`);
    values.set(name, known);
    return known;
  };

  for (const { node, index } of live) {
    const { name: nodeName, opType } = naming(node, index);
    const where = `${opType} "${nodeName}"`;
    const call: Call = {
      name: nodeName,
      opType,
      opset,
      inputs: node.input.map((name) => (name ? lookUp(name, where) : undefined)),
      attributes: attributesOf(node, where),
      output: node.output[0] ?? "",
      sink,
    };
    let result: Value = { kind: "broken" };
    try {
      result = convert(call, node, read);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { why, instead } = error;
      reasons.push({ node: call.name, op: opType, shape: shapeOf(call, infos.get(node.output[0])), why, instead });
    }
    for (const [i, name] of node.output.entries()) {
      if (values.has(name) || initializers.has(name)) throw new CheckpointError(`value "${name}" is defined twice`);
      if (name) values.set(name, i === 0 ? result : { kind: "broken" });
    }
  }

  for (const { name = "" } of file.output) {
    const value = values.get(name);
    if (value?.kind !== "data" || !value.picture) continue;
    const { picture, padded } = value;
    if (padded) {
      const [why, instead] = ["it shows what a Pad made", "the picture before it"];
      reasons.push({ node: name, op: "output", shape: shapeText(value.dims), why, instead });
    }
    if (!picture.flat) sink.notes.push(`output "${name}" is a picture: its elements are in the order [H, W, C]`);
    else if (picture.channels > 1) {
      const [why, instead] = ["it is a picture in one axis", "the picture itself, [N, C, H, W]"];
      reasons.push({ node: name, op: "output", shape: shapeText(value.dims), why, instead });
    }
  }

  const idle = file.node.length - live.length;
  if (idle > 0) sink.notes.push(`${idle} of ${file.node.length} nodes serve no output and are left out`);
  for (const { name = "" } of file.input) {
    if (!values.has(name) && !initializers.has(name)) sink.notes.push(`input "${name}" is not used`);
  }
  const outputs = file.output.map(({ name = "" }) => {
    const value = lookUp(name, "the graph");
    return { name, value: value.kind === "data" ? integersOf({ name, sink }, value) : value };
  });
  if (inputs.length === 0) throw new CheckpointError("model.graph: no output depends on an input");
  const graph = finish(file.name ?? "", inputs, sink.nodes, outputs);
  return { graph, reasons, notes: sink.notes };
}

/** What a node is called: by its op and where it stands in the file, if it has no name. */
function naming({ name, op_type }: NodeProto, index: number): { name: string; opType: string } {
  const opType = op_type || "node without an op type";
  return { name: name || `${op_type || "node"}_${index}`, opType };
}

/** Why a value that a node reads is not known by then. */
function whyUndefined(name: string, { node: nodes }: GraphProto): string {
  const index = nodes.findIndex(({ output }) => output.includes(name));
  if (index < 0) return "which nothing before it defines";
  const { name: maker, opType } = naming(nodes[index]!, index);
  return `which ${opType} "${maker}", a later node, defines: the nodes are not in topological order`;
}

function refuseSparse(name: string, reasons: Unsupported[]): Value {
  const why = "it is sparse";
  const instead = "a dense initializer, its zeros written out";
  reasons.push({ node: name, op: "sparse initializer", shape: "", why, instead });
  return { kind: "broken" };
}

/** The ops of a domain. */
function tableOf(domain: string): typeof OPS | undefined {
  if (domain === "com.microsoft") return MICROSOFT;
  return DOMAINS.includes(domain) ? OPS : undefined;
}

/** What a node's first output is; broken, without a reason of its own, where an operand is. */
function convert(call: Call, { domain = "", output }: NodeProto, read: ReadonlySet<string>): Value {
  const ops = tableOf(domain);
  const op = ops && Object.hasOwn(ops, call.opType) ? ops[call.opType] : undefined;
  if (!op) throw new Refusal(`no such op here${domain ? ` (domain "${domain}")` : ""}`, advice(call.opType, domain));
  const extra = output.slice(1).find((name) => name && read.has(name));
  if (extra !== undefined) throw new Refusal(`its second output "${extra}" is used`, "only the first output");
  if (call.inputs.some((value) => value?.kind === "broken")) return { kind: "broken" };
  const [takesPadding, takesCodes] = [TAKE_PADDING.has(call.opType), TAKE_CODES.has(call.opType)];
  const inputs = call.inputs.map((value) =>
    value?.kind === "data" ? prepared(call, value, takesPadding, takesCodes) : value,
  );
  const result = op({ ...call, inputs });
  if (result.kind !== "broken" && result.dims.length > MAX_AXES) {
    throw new Refusal(`its result has ${result.dims.length} axes`, `at most ${MAX_AXES}`);
  }
  if (result.kind === "constant") call.sink.spend(result.data.length);
  return result;
}

/** Ops that know of zeros around a picture: a Conv or a MaxPool takes them as its padding; behind the others zeros stay zeros, or they refuse. Any other reads them in a picture of their own. */
const TAKE_PADDING: ReadonlySet<string> = new Set(
  "Conv QLinearConv ConvInteger MaxPool Pad Quant IntQuant BipolarQuant QuantizeLinear DequantizeLinear Sign Relu Mul Div Identity Dropout Cast".split(
    " ",
  ),
);

/** Ops that take integers as codes of a quantizer: those that dequantize them, and those that pick some. Any other gets them as numbers. */
const TAKE_CODES: ReadonlySet<string> = new Set(
  "DequantizeLinear Reshape Flatten Squeeze Unsqueeze Transpose Identity Dropout Shape MaxPool GlobalMaxPool ReduceMax Slice Resize Upsample Pad Concat QLinearConv QLinearMatMul ConvInteger MatMulInteger QGemm QLinearAdd QLinearAveragePool QLinearGlobalAveragePool QLinearConcat".split(
    " ",
  ),
);

/** Every constant and every result of a node has a name of its own: of two, readers would take different ones. */
function checkNames({ initializer, node: nodes }: GraphProto): void {
  const names = new Set<string>();
  const define = (name: string) => {
    if (name && names.has(name)) throw new CheckpointError(`value "${name}" is defined twice`);
    names.add(name);
  };
  for (const { name = "" } of initializer) define(name);
  for (const { output } of nodes) output.forEach(define);
}

function opsetOf(model: ModelProto): number {
  const own = model.opset_import.find(({ domain = "" }) => domain === "" || domain === "ai.onnx");
  const version = own?.version ?? MIN_OPSET;
  if (version < MIN_OPSET) throw new CheckpointError(`model: operator set ${version}, expected ${MIN_OPSET} or newer`);
  return version;
}

/** Nodes that an output depends on, in the order of the file, which need not be the one they run in, and all value names that they read. */
function liveNodes(file: GraphProto): { nodes: { node: NodeProto; index: number }[]; read: Set<string> } {
  if (file.node.length > MAX_NODES) {
    throw new CheckpointError(`model.graph: ${file.node.length} nodes, expected at most ${MAX_NODES}`);
  }
  const makers = new Map<string, number[]>();
  for (const [index, { output }] of file.node.entries()) {
    for (const name of output) pushTo(makers, name, index);
  }
  const read = new Set(file.output.map(({ name = "" }) => name));
  const live = new Set<number>();
  for (const name of read) {
    for (const index of makers.get(name) ?? []) {
      if (live.has(index)) continue;
      live.add(index);
      const node = file.node[index]!;
      const { name: own, opType } = naming(node, index);
      for (const each of node.input) if (each) read.add(each); // "" is an operand left out
      for (const each of subgraphReads(node, `${opType} "${own}"`)) read.add(each);
    }
  }
  const nodes = file.node.flatMap((node, index) => (live.has(index) ? [{ node, index }] : []));
  return { nodes, read };
}

/** Ops whose inputs are pictures: only in a graph with one of them, inputs of two or three axes are. */
const OF_PICTURES: ReadonlySet<string> = new Set([
  "Conv",
  "MaxPool",
  "AveragePool",
  "GlobalMaxPool",
  "GlobalAveragePool",
  "Resize",
  "Upsample",
  "QLinearConv",
  "ConvInteger",
  "QLinearAveragePool",
  "QLinearGlobalAveragePool",
]);

/** Takes inputs as pictures: channels first, unless a Transpose right behind one says that they are last. */
function takePictures(
  inputs: readonly FileInput[],
  values: Map<string, Value>,
  live: readonly { node: NodeProto }[],
): void {
  for (const input of inputs) {
    const isLast = live.some(({ node }) => {
      const order = node.attribute.find(({ name }) => name === "perm")?.ints;
      return node.op_type === "Transpose" && node.input[0] === input.name && order?.[1] === input.shape.length;
    });
    const picture = pictureOf(input.shape, isLast);
    if (!picture) continue;
    input.layout = isLast ? "hwc" : "chw";
    values.set(input.name, { ...(values.get(input.name) as Data), picture });
  }
}

/** Types of an input whose elements are whole numbers, and what holds them. */
const INTEGERS: Record<number, NonNullable<GraphInput["integers"]>> = {
  [DATA_TYPE.UINT8]: "u8",
  [DATA_TYPE.BOOL]: "u8",
  [DATA_TYPE.INT8]: "i8",
  [DATA_TYPE.INT16]: "i16",
  [DATA_TYPE.UINT16]: "wide",
  [DATA_TYPE.INT32]: "wide",
  [DATA_TYPE.INT64]: "wide",
  [DATA_TYPE.UINT32]: "wide",
  [DATA_TYPE.UINT64]: "wide",
  [DATA_TYPE.UINT4]: "u8",
  [DATA_TYPE.INT4]: "i8",
  [DATA_TYPE.UINT2]: "u8",
  [DATA_TYPE.INT2]: "i8",
};

function pushTo(lists: Map<string, number[]>, name: string, index: number): void {
  const list = lists.get(name);
  if (list) list.push(index);
  else lists.set(name, [index]);
}

interface FileInput extends GraphInput {
  dims: number[];
  batch: number | undefined;
  /** Set for integers of at most 8 bits, which may be codes. */
  stored?: IntegerType;
}

/** Inputs of the network that are read. Old files list their constants as inputs too. */
function readInputs(
  file: GraphProto,
  initializers: ReadonlyMap<string, TensorProto>,
  read: ReadonlySet<string>,
): FileInput[] {
  const inputs: FileInput[] = [];
  const names = new Set<string>();
  for (const { name = "", type } of file.input) {
    if (initializers.has(name) || !read.has(name)) continue;
    const where = `input "${name}"`;
    if (names.has(name)) throw new CheckpointError(`${where} is defined twice`);
    names.add(name);
    const sizes = type?.tensor_type?.shape?.dim.map((dim) => dim.dim_value);
    if (!sizes || sizes.length === 0 || sizes.length > MAX_AXES) {
      throw new CheckpointError(
        `${where}: ${sizes?.length ? `a shape of ${sizes.length} axes` : "no shape"}, expected the batch and 1 to ${MAX_AXES - 1} more`,
      );
    }
    // One axis alone is a row without a batch, if its size is known; else the first axis is the batch.
    const batchless = sizes.length === 1 && sizes[0] !== undefined;
    const [batch, ...rest] = batchless ? [undefined, ...sizes] : sizes;
    const shape = rest.map((size) => size ?? 0);
    const channels = elements(shape);
    if (!(shape.every((size) => size > 0) && channels <= MAX_ROW_ELEMENTS)) {
      throw new CheckpointError(
        `${where}: shape [${sizes.map((size) => size ?? "?")}], expected fixed sizes after the batch and at most ${MAX_ROW_ELEMENTS} elements`,
      );
    }
    const elementType = type?.tensor_type?.elem_type ?? DATA_TYPE.FLOAT;
    const integers = INTEGERS[elementType];
    const stored = integerType(elementType);
    inputs.push({
      name,
      shape,
      ...(integers && { integers }),
      ...(stored && stored.bits <= 8 && { stored }),
      dims: batchless ? shape : [Number.NaN, ...shape],
      batch: batch && batch > 0 ? batch : undefined,
    });
  }
  return inputs;
}

/** Shape of what a refused node reads or, failing that, of what the file says that it gives. */
function shapeOf(call: Call, info: ValueInfoProto | undefined): string {
  const first = call.inputs.find((value) => value !== undefined);
  if (first && first.kind !== "broken") return shapeText(first.dims);
  const dims = info?.type?.tensor_type?.shape?.dim.map(({ dim_value, dim_param }) => dim_value ?? dim_param ?? "?");
  return dims ? `[${dims.join(", ")}]` : "";
}

/** The domain of FINN's hardware layers, and how those of its backends begin. */
const HARDWARE = "finn.custom_op.fpgadataflow";

const INSTEAD: Record<string, string> = {
  DynamicQuantizeLinear:
    "quantize_static of onnxruntime.quantization, with inputs to calibrate: scales that the file holds",
  ConvTranspose: "Resize and Conv",
  LogSoftmax: "Softmax, or the scores before it: ArgMax of them is the same",
  QLinearSoftmax:
    "Softmax of real numbers, or QuantizeLinear behind it: op_types_to_quantize of onnxruntime.quantization without Softmax, or QuantFormat.QDQ",
  Sigmoid: "HardTanh, Clip or Relu",
  Tanh: "HardTanh, Clip or Relu",
};

function advice(opType: string, domain: string): string {
  if (Object.hasOwn(INSTEAD, opType)) return INSTEAD[opType]!;
  if (domain === "com.microsoft")
    return `quant_format=QuantFormat.QDQ of onnxruntime.quantization, or one of ${Object.keys(MICROSOFT).join(", ")}`;
  if (domain.startsWith(HARDWARE)) return "the file from before FINN made hardware layers of its nodes";
  if (isRegionOp(opType)) return "--weights float, which computes an encoder of floats as a whole, in f32";
  return "what a network of layers needs: MatMul, Gemm, Conv, Quant, BipolarQuant, QuantizeLinear, DequantizeLinear, Sign, BatchNormalization, Relu, Clip, arithmetic with constants";
}

/** Drops nodes that nothing reads, and lets values carry the names of the outputs that they are. */
function finish(
  name: string,
  inputs: readonly FileInput[],
  walked: readonly Node[],
  outputs: readonly { name: string; value: Value }[],
): Graph {
  if (outputs.length === 0) throw new CheckpointError("model.graph: no outputs");
  const renamed = new Map<string, string>();
  const taken = new Set([...inputs, ...outputs].map((end) => end.name));
  const read = new Set<string>();
  for (const { name, value } of outputs) {
    if (value.kind === "constant")
      throw new CheckpointError(`output "${name}" is a constant, expected it to depend on an input`);
    if (value.kind === "broken") continue; // its reason is on the list
    read.add(value.value);
    if (!taken.has(value.value) && !renamed.has(value.value)) renamed.set(value.value, name);
  }
  const nodes: Node[] = [];
  for (const node of walked.toReversed()) {
    if (!read.has(node.output)) continue;
    for (const input of node.inputs) read.add(input);
    nodes.push(node);
  }
  nodes.reverse();
  const rename = (value: string): string => renamed.get(value) ?? value;
  return {
    name,
    inputs: inputs.map(({ name, shape, layout, integers }) => {
      return { name, shape, ...(layout && { layout }), ...(integers && { integers }) };
    }),
    nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), output: rename(node.output) })),
    outputs: outputs.flatMap(({ value }) => (value.kind === "data" ? [rename(value.value)] : [])),
  };
}

/**
 * Puts the quantizer that the caller declares where inputs miss one: right behind them, unless what follows would not leave
 * codes to a layer. `partial`: some nodes were refused. Notes tell where it is not the input that is quantized.
 */
function quantizeInputs(graph: Graph, quantizer: Quantizer, partial: boolean): string[] {
  const places = missingQuantizers(graph);
  if (places.length === 0 && !partial) {
    throw new CheckpointError(
      "an input quantizer was declared, but the checkpoint already has a quantizer after each input",
    );
  }
  Object.assign(graph, insertQuantizers(graph, new Map(places.map(({ value }) => [value, quantizer]))));
  return places.flatMap(({ value, behind }) =>
    behind ? [`the declared quantizer stands behind "${behind.name}", so its scale is that of "${value}"`] : [],
  );
}
