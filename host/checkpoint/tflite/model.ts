import { CheckpointError } from "../../base/errors.ts";
import { MAX_NODES } from "../../base/limits.ts";
import { OPERATORS, TENSOR_TYPES } from "./names.ts";
import { FlatFile, type Table } from "./table.ts";

/** A TensorFlow Lite file: its one subgraph, by the schema of https://github.com/google-ai-edge/LiteRT (schema.fbs). */
export interface Model {
  description: string;
  tensors: FileTensor[];
  operators: Operator[];
  /** Indices into `tensors`. */
  inputs: number[];
  outputs: number[];
}

export interface FileTensor {
  name: string;
  /** All sizes, the batch first. */
  shape: number[];
  type: string;
  /** Little-endian, row-major: a view of the file; empty where the tensor is no constant. */
  data: Uint8Array;
  /** real = (code − zero) · scale: one for the tensor, or one for each entry of axis `quantizedAxis`; empty where it has none. */
  scale: number[];
  zero: number[];
  quantizedAxis: number;
  /** What a reader has to know of before it takes the data as they are. */
  odd?: "sparse" | "variable" | "quantized in another way";
}

export interface Operator {
  /** "CONV_2D", or "CUSTOM" and the name of a custom operator. */
  name: string;
  version: number;
  /** Indices of tensors; −1 for an operand that is left out. */
  inputs: number[];
  outputs: number[];
  /** By the operator's own schema; undefined where it has none. */
  options: { type: number; table: Table } | undefined;
  /** Of a custom operator, in a form of its own. */
  custom: Uint8Array | undefined;
}

const CUSTOM = OPERATORS.indexOf("CUSTOM");
/** Codes up to here stand in a byte of old files. */
const PLACEHOLDER = OPERATORS.indexOf("PLACEHOLDER_FOR_GREATER_OP_CODES");
/** Tensors of a file: real networks have a few for each operator. */
const MAX_TENSORS = 4 * MAX_NODES;
/** Axes of a tensor: pictures have four. */
const MAX_AXES = 8;

/** Reads a file as its bytes say. Throws CheckpointError for offsets, indices and sizes that cannot be. */
export function readModel(bytes: Uint8Array): Model {
  const model = new FlatFile(bytes).root("model");
  const version = model.number(0, "u32");
  if (version !== 3) throw new CheckpointError(`model: schema version ${version}, expected 3`);
  const graphs = model.tables(2, "subgraphs");
  const [graph] = graphs;
  if (!graph || graphs.length > 1) {
    throw new CheckpointError(
      `model.subgraphs: found ${graphs.length}, expected 1, without branches, loops or signatures`,
    );
  }
  const names = model.tables(1, "operator_codes").map(operatorName);
  const buffers = model.tables(4, "buffers").map(readBuffer);
  const tensors = graph.tables(0, "tensors");
  const operators = graph.tables(3, "operators");
  limit(`${graph.path}.tensors`, tensors.length, MAX_TENSORS);
  limit(`${graph.path}.operators`, operators.length, MAX_NODES);
  const indices = (table: Table, field: number, name: string, least: number): number[] => {
    const list = table.numbers(field, name, "i32");
    const bad = list.find((index) => index < least || index >= tensors.length);
    if (bad === undefined) return list;
    throw new CheckpointError(`${table.path}.${name}: tensor ${bad}, expected ${least} to ${tensors.length - 1}`);
  };
  return {
    description: model.text(3, "description"),
    tensors: tensors.map((tensor) => readTensor(tensor, buffers)),
    operators: operators.map((operator) => {
      const code = operator.number(0, "u32");
      const name = names[code];
      if (!name) throw new CheckpointError(`${operator.path}: operator code ${code}, but there are ${names.length}`);
      const options = operator.table(4, "builtin_options");
      return {
        ...name,
        inputs: indices(operator, 1, "inputs", -1),
        outputs: indices(operator, 2, "outputs", 0),
        options: options && { type: operator.number(3, "u8"), table: options },
        custom: operator.bytes(5, "custom_options"),
      };
    }),
    inputs: indices(graph, 1, "inputs", 0),
    outputs: indices(graph, 2, "outputs", 0),
  };
}

function operatorName(code: Table): Pick<Operator, "name" | "version"> {
  const old = code.number(0, "i8");
  const builtin = old < PLACEHOLDER ? old : code.number(3, "i32");
  const custom = builtin === CUSTOM ? ` ${code.text(1, "custom_code")}` : "";
  return { name: (OPERATORS[builtin] ?? `operator ${builtin}`) + custom, version: code.number(2, "i32", 1) };
}

function readBuffer(buffer: Table): Uint8Array {
  if (buffer.has(1)) {
    throw new CheckpointError(
      `${buffer.path}: its data lie behind the FlatBuffer, expected them within: a file below 2 GB`,
    );
  }
  return buffer.bytes(0, "data") ?? new Uint8Array();
}

function readTensor(tensor: Table, buffers: readonly Uint8Array[]): FileTensor {
  const shape = tensor.numbers(0, "shape", "i32");
  const { path } = tensor;
  limit(`${path}.shape`, shape.length, MAX_AXES);
  const bad = shape.find((size) => size < 0);
  if (bad !== undefined) throw new CheckpointError(`${path}.shape: size ${bad}, expected 0 or more`);
  const buffer = tensor.number(2, "u32");
  const data = buffers[buffer];
  if (!data && buffer > 0) throw new CheckpointError(`${path}: buffer ${buffer}, but there are ${buffers.length}`);
  const type = tensor.number(1, "i8");
  const quantization = tensor.table(4, "quantization");
  const odd = tensor.flag(5)
    ? "variable"
    : tensor.has(6)
      ? "sparse"
      : quantization?.number(4, "u8")
        ? "quantized in another way"
        : undefined;
  return {
    name: tensor.text(3, "name"),
    shape,
    type: TENSOR_TYPES[type] ?? `type ${type}`,
    data: data ?? new Uint8Array(),
    scale: quantization?.numbers(2, "scale", "f32") ?? [],
    zero: quantization?.numbers(3, "zero_point", "i64") ?? [],
    quantizedAxis: quantization?.number(6, "i32") ?? 0,
    ...(odd && { odd }),
  };
}

function limit(path: string, count: number, most: number): void {
  if (count > most) throw new CheckpointError(`${path}: found ${count}, expected at most ${most}`);
}
