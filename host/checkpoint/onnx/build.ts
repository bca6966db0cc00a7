import {
  ATTRIBUTE_TYPE,
  type AttributeProto,
  DATA_TYPE,
  type Draft,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./proto.ts";

// Constructors for those who write ONNX files: `encodeModel(model(...))`.

/** f32 constant. `dims` empty: a scalar. */
export function floatTensor(name: string, dims: number[], values: ArrayLike<number>): Draft<TensorProto> {
  const raw = new DataView(new ArrayBuffer(values.length * 4));
  for (let i = 0; i < values.length; i++) raw.setFloat32(i * 4, values[i]!, true);
  return { name, dims, data_type: DATA_TYPE.FLOAT, raw_data: new Uint8Array(raw.buffer) };
}

/** int64 constant, as shapes and axes have it. `dims` empty: a scalar. */
export function int64Tensor(name: string, dims: number[], values: ArrayLike<number>): Draft<TensorProto> {
  const raw = new DataView(new ArrayBuffer(values.length * 8));
  for (let i = 0; i < values.length; i++) raw.setBigInt64(i * 8, BigInt(values[i]!), true);
  return { name, dims, data_type: DATA_TYPE.INT64, raw_data: new Uint8Array(raw.buffer) };
}

/** int8 or uint8 constant, as codes are stored. `dims` empty: a scalar. */
export function byteTensor(
  name: string,
  type: "INT8" | "UINT8",
  dims: number[],
  values: ArrayLike<number>,
): Draft<TensorProto> {
  return { name, dims, data_type: DATA_TYPE[type], raw_data: Uint8Array.from(values, (value) => value & 255) };
}

/** A number is a float, a bigint an int; so `{ epsilon: 1e-5, transB: 1n, perm: [1n, 0n] }`. */
export type AttributeValue = number | bigint | string | number[] | bigint[] | Draft<TensorProto>;

export function attribute(name: string, value: AttributeValue): Draft<AttributeProto> {
  if (typeof value === "number") return { name, f: value, type: ATTRIBUTE_TYPE.FLOAT };
  if (typeof value === "bigint") return { name, i: Number(value), type: ATTRIBUTE_TYPE.INT };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: ATTRIBUTE_TYPE.STRING };
  if (!Array.isArray(value)) return { name, t: value, type: ATTRIBUTE_TYPE.TENSOR };
  if (typeof value[0] === "number") return { name, floats: value as number[], type: ATTRIBUTE_TYPE.FLOATS };
  return { name, ints: value.map(Number), type: ATTRIBUTE_TYPE.INTS };
}

/** A node with one output, which also names the node. */
export function node(
  opType: string,
  input: string[],
  output: string,
  attributes: Record<string, AttributeValue> = {},
  domain = "",
): Draft<NodeProto> {
  return {
    input,
    output: [output],
    name: `${opType}_${output}`,
    op_type: opType,
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    ...(domain && { domain }),
  };
}

/** A value, f32 if not told; a string is a size that varies: `valueInfo("x", ["batch", 784])`. */
export function valueInfo(
  name: string,
  shape: (number | string)[],
  elem_type: number = DATA_TYPE.FLOAT,
): Draft<ValueInfoProto> {
  const dim = shape.map((size) => (typeof size === "number" ? { dim_value: size } : { dim_param: size }));
  return { name, type: { tensor_type: { elem_type, shape: { dim } } } };
}

/** `opsets` by domain; "" is ONNX itself: `{ "": 13, "qonnx.custom_op.general": 1 }`. */
export function model(
  graph: Draft<GraphProto>,
  opsets: Record<string, number>,
  producer: { name: string; version: string },
): Draft<ModelProto> {
  return {
    ir_version: 7, // of 2020: every tool reads it
    producer_name: producer.name,
    producer_version: producer.version,
    graph,
    opset_import: Object.entries(opsets).map(([domain, version]) => ({ domain, version })),
  };
}
