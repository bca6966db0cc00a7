import { OPERATORS, TENSOR_TYPES } from "../../../host/checkpoint/tflite/names.ts";
import { encodeFlatbuffer, type Flat, text, vector } from "../../../tools/bench/flatbuffer.ts";

/** A TensorFlow Lite file as its schema has it, for tests. */
export interface Net {
  tensors: NetTensor[];
  operators: NetOperator[];
  /** Indices into `tensors`. */
  inputs: number[];
  outputs: number[];
}

type Data = Int8Array | Uint8Array | Int32Array | Float32Array;

export interface NetTensor {
  name: string;
  shape: number[];
  /** INT8 if not given. */
  type?: string;
  data?: Data;
  scale?: number[];
  zero?: number[];
  axis?: number;
  isVariable?: boolean;
}

export interface NetOperator {
  op: string;
  inputs: number[];
  outputs: number[];
  /** By the names of OPTIONS; 0 where left out, and no vector. */
  options?: Record<string, number | number[]>;
  /** Of a custom operator, "CUSTOM Name": in a FlexBuffer. */
  custom?: Record<string, number | string>;
}

const CUSTOM = "CUSTOM ";

/** A map in a FlexBuffer (https://flatbuffers.dev/flexbuffers), all of it in words of 4 bytes. */
export function flexMap(options: Record<string, number | string>): Uint8Array {
  const bytes: number[] = [];
  const u32 = (value: number) => bytes.push(...new Uint8Array(Int32Array.of(value).buffer)) - 4;
  const words = (text: string) => new TextEncoder().encode(text);
  const entries = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  const places = entries.map(([key, value]) => {
    const keyAt = bytes.length;
    bytes.push(...words(key), 0);
    if (typeof value === "number") return { keyAt, value };
    u32(words(value).length);
    const textAt = bytes.length;
    bytes.push(...words(value), 0);
    return { keyAt, textAt };
  });
  u32(entries.length);
  const keysAt = bytes.length;
  for (const { keyAt } of places) u32(bytes.length - keyAt);
  u32(bytes.length - keysAt);
  u32(4);
  u32(entries.length);
  const valuesAt = bytes.length;
  for (const { value, textAt } of places) u32(value ?? bytes.length - textAt!);
  const [INT, TEXT, MAP] = [1, 5, 9];
  for (const { value } of places) bytes.push(((value === undefined ? TEXT : INT) << 2) | 2);
  u32(bytes.length - valuesAt);
  return Uint8Array.from([...bytes, (MAP << 2) | 2, 4]);
}

/** Options of each operator: their number in the union, and their fields in the order of the schema. */
const POOL = "padding strideX strideY width height activation";
export const OPTIONS: Record<string, [type: number, fields: string]> = {
  CONV_2D: [1, "padding strideX strideY activation dilationX dilationY"],
  DEPTHWISE_CONV_2D: [2, "padding strideX strideY multiplier activation dilationX dilationY"],
  AVERAGE_POOL_2D: [5, POOL],
  MAX_POOL_2D: [5, POOL],
  FULLY_CONNECTED: [8, "activation format keepDims"],
  SOFTMAX: [9, "beta"],
  CONCATENATION: [10, "axis activation"],
  ADD: [11, "activation"],
  MEAN: [27, "keepDims"],
  SQUEEZE: [30, "axes"],
  STRIDED_SLICE: [32, "beginMask endMask ellipsisMask newAxisMask shrinkMask offset"],
  SHAPE: [55, "type"],
  PACK: [59, "count axis"],
};

/** The bytes of a file. */
export function encode({ tensors, operators, inputs, outputs }: Net): Uint8Array {
  const ints = (numbers: readonly number[]) => vector(Int32Array.from(numbers));
  const bytesOf = (data: Data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const codes = operators.map(({ op }) => OPERATORS.indexOf(op.startsWith(CUSTOM) ? "CUSTOM" : op));
  const buffers: Flat[] = [{ table: [] }];
  const tensorTables = tensors.map(({ name, shape, type = "INT8", data, scale, zero, axis = 0, isVariable }): Flat => {
    const buffer = data ? buffers.push({ table: [vector(bytesOf(data))] }) - 1 : 0;
    const zeros = zero && vector(BigInt64Array.from(zero, BigInt));
    const scales = scale && vector(Float32Array.from(scale));
    const quantization: Flat = { table: [undefined, undefined, scales, zeros, undefined, undefined, axis] };
    return {
      table: [ints(shape), TENSOR_TYPES.indexOf(type), buffer, text(name), quantization, isVariable ? 1 : undefined],
    };
  });
  const operatorTables = operators.map(({ op, inputs, outputs, options = {}, custom }, i): Flat => {
    const [type, fields] = OPTIONS[op] ?? [];
    const fieldOf = (field: string) => {
      const value = options[field];
      if (Array.isArray(value)) return ints(value);
      return field === "beta" ? bitsOf(value ?? 1) : (value ?? (field === "axes" ? undefined : 0));
    };
    const values = fields?.split(" ").map(fieldOf);
    const own = custom && vector(flexMap(custom));
    return { table: [i, ints(inputs), ints(outputs), type, values && { table: values }, own] };
  });
  const graph: Flat = {
    table: [{ list: tensorTables }, ints(inputs), ints(outputs), { list: operatorTables }, text("net")],
  };
  const operatorCodes = codes.map((code, i): Flat => {
    const { op } = operators[i]!;
    const custom = op.startsWith(CUSTOM) ? text(op.slice(CUSTOM.length)) : undefined;
    return { table: [Math.min(code, 127), custom, 1, code] };
  });
  return encodeFlatbuffer(
    { table: [3, { list: operatorCodes }, { list: [graph] }, text("tests"), { list: buffers }] },
    "TFL3",
  );
}

function bitsOf(x: number): number {
  return new Int32Array(Float32Array.of(x).buffer)[0]!;
}
