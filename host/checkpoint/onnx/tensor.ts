import { CheckpointError } from "../../base/errors.ts";
import { bfloatToNumber, halfToNumber } from "../elements.ts";
import type { Tensor } from "../tensor.ts";
import { type Constant, type IntegerType, MAX_AXES, type Sink } from "./call.ts";
import { DATA_LOCATION, DATA_TYPE, type TensorProto } from "./proto.ts";

interface ElementType {
  name: string;
  bits: 2 | 4 | 8 | 16 | 32 | 64;
  integer: boolean;
  /** Element `i` of `raw_data`. */
  raw: (view: DataView, i: number) => number;
  /** Field that holds the elements where `raw_data` is absent. */
  list: "float_data" | "int32_data" | "int64_data" | "double_data";
  /** Element from an entry of that field; entries of `int32_data` hold the bits of narrow types. */
  entry?: (entry: number) => number;
}

const ELEMENT_TYPES: Record<number, ElementType> = {
  [DATA_TYPE.FLOAT]: float("FLOAT", 32, "float_data", (view, i) => view.getFloat32(i * 4, true)),
  [DATA_TYPE.DOUBLE]: float("DOUBLE", 64, "double_data", (view, i) => view.getFloat64(i * 8, true)),
  [DATA_TYPE.FLOAT16]: float(
    "FLOAT16",
    16,
    "int32_data",
    (view, i) => halfToNumber(view.getUint16(i * 2, true)),
    halfToNumber,
  ),
  [DATA_TYPE.BFLOAT16]: float(
    "BFLOAT16",
    16,
    "int32_data",
    (view, i) => bfloatToNumber(view.getUint16(i * 2, true)),
    bfloatToNumber,
  ),
  [DATA_TYPE.INT8]: integer("INT8", 8, (view, i) => view.getInt8(i)),
  [DATA_TYPE.UINT8]: integer("UINT8", 8, (view, i) => view.getUint8(i)),
  [DATA_TYPE.BOOL]: integer("BOOL", 8, (view, i) => view.getUint8(i)),
  [DATA_TYPE.INT16]: integer("INT16", 16, (view, i) => view.getInt16(i * 2, true)),
  [DATA_TYPE.UINT16]: integer("UINT16", 16, (view, i) => view.getUint16(i * 2, true)),
  [DATA_TYPE.INT32]: integer("INT32", 32, (view, i) => view.getInt32(i * 4, true)),
  [DATA_TYPE.INT64]: {
    ...integer("INT64", 64, (view, i) => Number(view.getBigInt64(i * 8, true))),
    list: "int64_data",
  },
  // Several elements per byte, the first in the lowest bits. Entries of `int32_data` are such bytes too.
  [DATA_TYPE.UINT4]: integer("UINT4", 4, (view, i) => bitField(view, i, 4)),
  [DATA_TYPE.INT4]: integer("INT4", 4, (view, i) => (bitField(view, i, 4) ^ 8) - 8),
  [DATA_TYPE.UINT2]: integer("UINT2", 2, (view, i) => bitField(view, i, 2)),
  [DATA_TYPE.INT2]: integer("INT2", 2, (view, i) => (bitField(view, i, 2) ^ 2) - 2),
};

function float(
  name: string,
  bits: ElementType["bits"],
  list: ElementType["list"],
  raw: ElementType["raw"],
  entry?: ElementType["entry"],
): ElementType {
  return { name, bits, integer: false, raw, list, ...(entry && { entry }) };
}

function integer(name: string, bits: ElementType["bits"], raw: ElementType["raw"]): ElementType {
  return { name, bits, integer: true, raw, list: "int32_data" };
}

/** Bits and sign of an integer type; undefined for other types. */
export function integerType(type: number): IntegerType | undefined {
  const { name, bits, integer } = ELEMENT_TYPES[type] ?? { integer: false };
  return integer && name !== undefined ? { bits, signed: name.startsWith("INT") } : undefined;
}

/** A constant that the file holds, counted as such. */
export function readConstant(proto: TensorProto, name: string, sink: Pick<Sink, "found">): Constant {
  const read = readTensor(proto, name);
  sink.found(read.data.length);
  return { kind: "constant", name, ...read };
}

/** A constant of the file: finite, and of an integer type or not. */
export function readTensor(proto: TensorProto, name: string): Tensor & Pick<Constant, "integer" | "stored"> {
  const where = `tensor "${name}"`;
  if (proto.data_location === DATA_LOCATION.EXTERNAL || proto.external_data.length > 0) {
    throw new CheckpointError(
      `${where}: its data are in another file, expected them inside; in Python, onnx.save(onnx.load(path), path) puts them there`,
    );
  }
  const type = ELEMENT_TYPES[proto.data_type ?? 0];
  if (!type) {
    const known = Object.values(ELEMENT_TYPES).map((t) => t.name);
    throw new CheckpointError(`${where}: data type ${proto.data_type ?? 0}, expected one of ${known.join(", ")}`);
  }
  const count = checkedProduct(proto.dims, where);
  const data = proto.raw_data ? readRaw(proto.raw_data, type, count, where) : readList(proto, type, count, where);
  const bad = data.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) throw new CheckpointError(`${where}: element ${bad} is ${data[bad]}, expected a finite number`);
  const stored = integerType(proto.data_type ?? 0);
  return { dims: proto.dims, data, integer: type.integer, ...(stored && { stored }) };
}

/** Number of elements. Each factor and the product stay below 2^53, so nothing is lost. */
function checkedProduct(dims: readonly number[], where: string): number {
  if (dims.length > MAX_AXES) throw new CheckpointError(`${where}: ${dims.length} axes, expected at most ${MAX_AXES}`);
  let product = 1;
  for (const size of dims) {
    product *= size;
    if (!(size >= 0 && Number.isSafeInteger(product)))
      throw new CheckpointError(`${where}: impossible shape [${dims}]`);
  }
  return product;
}

function readRaw(bytes: Uint8Array, type: ElementType, count: number, where: string): Float64Array {
  const expected = Math.ceil((count * type.bits) / 8);
  if (bytes.length !== expected) {
    throw new CheckpointError(`${where}: ${bytes.length} bytes, expected ${expected} for ${count} × ${type.name}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = type.raw(view, i);
  return data;
}

function readList(proto: TensorProto, type: ElementType, count: number, where: string): Float64Array {
  const list = proto[type.list];
  if (type.bits < 8) return readRaw(Uint8Array.from(list), type, count, where);
  if (list.length !== count) {
    throw new CheckpointError(`${where}: ${list.length} entries in ${type.list}, expected ${count} × ${type.name}`);
  }
  return type.entry ? Float64Array.from(list, type.entry) : Float64Array.from(list);
}

/** Element `i` of an array of `bits`-bit elements; 2 or 4. */
function bitField(view: DataView, i: number, bits: number): number {
  const perByte = 8 / bits;
  return (view.getUint8(Math.floor(i / perByte)) >> ((i % perByte) * bits)) & (2 ** bits - 1);
}
