import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { CheckpointError } from "../../base/errors.ts";
import { MAX_ENTRIES, MAX_MESSAGES } from "../../base/limits.ts";

// The part of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that low-bit networks use: each
// message as a type and, below, as a table of its fields. Fields that are not in the table are skipped, sequence types among
// them, and subgraphs stay bytes; so no message contains itself, and nesting needs no limit.

export interface ModelProto {
  ir_version?: number;
  producer_name?: string;
  producer_version?: string;
  graph?: GraphProto;
  opset_import: OperatorSetIdProto[];
  metadata_props: StringStringEntryProto[];
}

export interface OperatorSetIdProto {
  domain?: string;
  version?: number;
}

export interface StringStringEntryProto {
  key?: string;
  value?: string;
}

export interface GraphProto {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  value_info: ValueInfoProto[];
  sparse_initializer: SparseTensorProto[];
}

/** What names it; the rest is skipped. */
export interface SparseTensorProto {
  values?: { name?: string };
}

export interface NodeProto {
  input: string[];
  output: string[];
  name?: string;
  op_type?: string;
  attribute: AttributeProto[];
  domain?: string;
}

export interface AttributeProto {
  name?: string;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  /** A `GraphProto`: `subgraphReads` looks into it. */
  g?: Uint8Array;
  floats: number[];
  ints: number[];
  strings: Uint8Array[];
  /** Of `GraphProto`. */
  graphs: Uint8Array[];
  type?: number;
}

export interface TensorProto {
  dims: number[];
  data_type?: number;
  float_data: number[];
  int32_data: number[];
  int64_data: number[];
  name?: string;
  raw_data?: Uint8Array;
  double_data: number[];
  external_data: StringStringEntryProto[];
  data_location?: number;
}

export interface ValueInfoProto {
  name?: string;
  type?: TypeProto;
}

export interface TypeProto {
  tensor_type?: TensorTypeProto;
}

export interface TensorTypeProto {
  elem_type?: number;
  shape?: TensorShapeProto;
}

export interface TensorShapeProto {
  dim: DimensionProto[];
}

/** A fixed size, a name for one that varies, or neither. */
export interface DimensionProto {
  dim_value?: number;
  dim_param?: string;
}

/** `TensorProto.DataType`: the element types that a constant may have here. */
export const DATA_TYPE = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  BFLOAT16: 16,
  UINT4: 21,
  INT4: 22,
  UINT2: 25,
  INT2: 26,
} as const;

/** `TensorProto.DataLocation`. */
export const DATA_LOCATION = { DEFAULT: 0, EXTERNAL: 1 } as const;

/** `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPE = { FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, FLOATS: 6, INTS: 7, STRINGS: 8 } as const;

/** int64 comes as a number: exact up to 2^53, rounded beyond (exporters write INT64_MAX for "to the end"). */
type Scalar = "float" | "double" | "int32" | "int64" | "string" | "bytes";

interface Field {
  name: string;
  number: number;
  type: Scalar | Schema;
  label: "one" | "repeated" | "packed";
}

/** Fields in ascending order of their numbers, which is the order they are written in. */
type Schema = readonly Field[];

type FieldTable<Message> = {
  [Name in keyof Message]-?: readonly [number: number, type: Scalar | Schema, label?: "repeated" | "packed"];
};

function schema<Message>(table: FieldTable<Message>): Schema {
  const rows: [string, readonly [number, Scalar | Schema, ("repeated" | "packed")?]][] = Object.entries(table);
  return rows
    .map(([name, [number, type, label = "one" as const]]) => ({ name, number, type, label }))
    .sort((a, b) => a.number - b.number);
}

const STRING_STRING_ENTRY = schema<StringStringEntryProto>({
  key: [1, "string"],
  value: [2, "string"],
});

const TENSOR = schema<TensorProto>({
  dims: [1, "int64", "repeated"],
  data_type: [2, "int32"],
  float_data: [4, "float", "packed"],
  int32_data: [5, "int32", "packed"],
  int64_data: [7, "int64", "packed"],
  name: [8, "string"],
  raw_data: [9, "bytes"],
  double_data: [10, "double", "packed"],
  external_data: [13, STRING_STRING_ENTRY, "repeated"],
  data_location: [14, "int32"],
});

const ATTRIBUTE = schema<AttributeProto>({
  name: [1, "string"],
  f: [2, "float"],
  i: [3, "int64"],
  s: [4, "bytes"],
  t: [5, TENSOR],
  g: [6, "bytes"],
  floats: [7, "float", "repeated"],
  ints: [8, "int64", "repeated"],
  strings: [9, "bytes", "repeated"],
  graphs: [11, "bytes", "repeated"],
  type: [20, "int32"],
});

const NODE = schema<NodeProto>({
  input: [1, "string", "repeated"],
  output: [2, "string", "repeated"],
  name: [3, "string"],
  op_type: [4, "string"],
  attribute: [5, ATTRIBUTE, "repeated"],
  domain: [7, "string"],
});

const DIMENSION = schema<DimensionProto>({
  dim_value: [1, "int64"],
  dim_param: [2, "string"],
});

const TENSOR_SHAPE = schema<TensorShapeProto>({
  dim: [1, DIMENSION, "repeated"],
});

const TENSOR_TYPE = schema<TensorTypeProto>({
  elem_type: [1, "int32"],
  shape: [2, TENSOR_SHAPE],
});

const TYPE = schema<TypeProto>({
  tensor_type: [1, TENSOR_TYPE],
});

const VALUE_INFO = schema<ValueInfoProto>({
  name: [1, "string"],
  type: [2, TYPE],
});

const SPARSE_TENSOR = schema<SparseTensorProto>({
  values: [1, schema<{ name?: string }>({ name: [8, "string"] })],
});

const GRAPH = schema<GraphProto>({
  node: [1, NODE, "repeated"],
  name: [2, "string"],
  initializer: [5, TENSOR, "repeated"],
  input: [11, VALUE_INFO, "repeated"],
  output: [12, VALUE_INFO, "repeated"],
  value_info: [13, VALUE_INFO, "repeated"],
  sparse_initializer: [15, SPARSE_TENSOR, "repeated"],
});

const OPERATOR_SET_ID = schema<OperatorSetIdProto>({
  domain: [1, "string"],
  version: [2, "int64"],
});

const MODEL = schema<ModelProto>({
  ir_version: [1, "int64"],
  producer_name: [2, "string"],
  producer_version: [3, "string"],
  graph: [7, GRAPH],
  opset_import: [8, OPERATOR_SET_ID, "repeated"],
  metadata_props: [14, STRING_STRING_ENTRY, "repeated"],
});

/** Of a subgraph only what it reads and returns: values of the graph around it among them. */
interface Subgraph {
  node: { input: string[]; attribute: Pick<AttributeProto, "g" | "graphs">[] }[];
  output: { name?: string }[];
}

const SUBGRAPH = schema<Subgraph>({
  node: [
    1,
    schema<Subgraph["node"][number]>({
      input: [1, "string", "repeated"],
      attribute: [
        5,
        schema<Pick<AttributeProto, "g" | "graphs">>({ g: [6, "bytes"], graphs: [11, "bytes", "repeated"] }),
        "repeated",
      ],
    }),
    "repeated",
  ],
  output: [12, schema<{ name?: string }>({ name: [1, "string"] }), "repeated"],
});

type Message = Record<string, unknown>;

/** What decoding has used so far, and where the file starts in its buffer. */
interface Progress {
  fileOffset: number;
  messages: number;
  entries: number;
}

/** Reads a `ModelProto`. `bytes` and `raw_data` fields are views of the file, not copies. */
export function decodeModel(file: Uint8Array): ModelProto {
  const progress: Progress = { fileOffset: file.byteOffset, messages: 0, entries: 0 };
  return decode(MODEL, file, "model", progress) as unknown as ModelProto;
}

/** Names that the subgraphs of a node read or return, those inside them included. Subgraphs in subgraphs wait their turn: nothing recurs. */
export function subgraphReads({ attribute }: NodeProto, where: string): string[] {
  const names: string[] = [];
  const waiting = attribute.flatMap(subgraphsOf);
  for (const bytes of waiting) {
    const progress: Progress = { fileOffset: bytes.byteOffset, messages: 0, entries: 0 };
    const { node, output } = decode(SUBGRAPH, bytes, where, progress) as unknown as Subgraph;
    for (const { name } of output) if (name) names.push(name);
    for (const inner of node) {
      for (const name of inner.input) if (name) names.push(name);
      for (const graph of inner.attribute.flatMap(subgraphsOf)) waiting.push(graph);
    }
  }
  return names;
}

function subgraphsOf({ g, graphs }: Pick<AttributeProto, "g" | "graphs">): Uint8Array[] {
  return g ? [g, ...graphs] : graphs;
}

function decode(
  schema: Schema,
  bytes: Uint8Array,
  where: string,
  progress: Progress,
  message = blank(schema),
): Message {
  if (++progress.messages > MAX_MESSAGES) throw new CheckpointError(`${where}: more than ${MAX_MESSAGES} messages`);
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const field = schema.find((f) => f.number === number);
      if (field) decodeField(field, wireType, reader, where, progress, message);
      else reader.skip(wireType, number);
    }
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    const at = bytes.byteOffset - progress.fileOffset + Math.min(reader.pos, reader.len);
    throw new CheckpointError(`${where}: damaged near byte ${at}: ${(error as Error).message}`);
  }
  return message;
}

function decodeField(
  { name, type, label }: Field,
  wireType: WireType,
  reader: BinaryReader,
  where: string,
  progress: Progress,
  message: Message,
): void {
  const path = `${where}.${name}`;
  const list = label === "one" ? undefined : (message[name] as unknown[]);
  if (typeof type !== "string") {
    expectWireType(WireType.LengthDelimited, wireType, path);
    if (list) list.push(decode(type, reader.bytes(), `${path}[${list.length}]`, progress));
    else message[name] = decode(type, reader.bytes(), path, progress, message[name] as Message | undefined); // merges
    return;
  }
  // Readers must take both forms of a list of numbers, packed or one tag per number, whatever the schema says.
  const packed = list && WIRE_TYPE[type] !== WireType.LengthDelimited && wireType === WireType.LengthDelimited;
  if (!packed) expectWireType(WIRE_TYPE[type], wireType, path);
  const source = packed ? new BinaryReader(reader.bytes()) : reader;
  do {
    if (packed && source.pos === source.len) break; // an empty list
    if (list) progress.entries += WIRE_TYPE[type] === WireType.LengthDelimited ? 8 : 1;
    if (progress.entries > MAX_ENTRIES) throw new CheckpointError(`${path}: more than ${MAX_ENTRIES} entries`);
    const value = readScalar(type, source);
    if (list) list.push(value);
    else message[name] = value;
  } while (packed);
}

function blank(schema: Schema): Message {
  const message: Message = {};
  for (const { name, label } of schema) if (label !== "one") message[name] = [];
  return message;
}

function expectWireType(expected: WireType, found: WireType, path: string): void {
  if (found !== expected) throw new CheckpointError(`${path}: wire type ${found}, expected ${expected}`);
}

const WIRE_TYPE: Record<Scalar, WireType> = {
  float: WireType.Bit32,
  double: WireType.Bit64,
  int32: WireType.Varint,
  int64: WireType.Varint,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
};

function readScalar(type: Scalar, reader: BinaryReader): number | string | Uint8Array {
  if (type === "int64") return Number(reader.int64());
  if (type === "string") return reader.string(true); // true: refuse what is not UTF-8
  return reader[type]();
}

/** A message to write: what is left out is absent from the file. */
export type Draft<T> = T extends string | number | Uint8Array | undefined
  ? T
  : T extends (infer Entry)[]
    ? Draft<Entry>[]
    : { [Name in keyof T]?: Draft<T[Name]> };

/** Writes a `ModelProto`, fields in the order of their numbers: the same model gives the same bytes. */
export function encodeModel(model: Draft<ModelProto>): Uint8Array {
  const writer = new BinaryWriter();
  encode(MODEL, model as Message, writer);
  return writer.finish();
}

function encode(schema: Schema, message: Message, writer: BinaryWriter): void {
  for (const { name, number, type, label } of schema) {
    const value = message[name];
    if (value === undefined) continue;
    const values = label === "one" ? [value] : (value as unknown[]);
    if (label === "packed" && values.length > 0) {
      writer.tag(number, WireType.LengthDelimited).fork();
      for (const entry of values) writeScalar(type as Scalar, entry, writer);
      writer.join();
    } else {
      for (const entry of values) {
        if (typeof type === "string") {
          writer.tag(number, WIRE_TYPE[type]);
          writeScalar(type, entry, writer);
        } else {
          writer.tag(number, WireType.LengthDelimited).fork();
          encode(type, entry as Message, writer);
          writer.join();
        }
      }
    }
  }
}

function writeScalar(type: Scalar, value: unknown, writer: BinaryWriter): void {
  if (type === "int64") writer.int64(saturateInt64(value as number));
  else if (type === "string") writer.string(value as string);
  else if (type === "bytes") writer.bytes(value as Uint8Array);
  else writer[type](value as number);
}

/** 2^63 stands for INT64_MAX, the only int64 that reading rounds out of range. */
function saturateInt64(value: number): bigint {
  return value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value);
}
