import { encodeFlatbuffer, type Flat, text, vector } from "./flatbuffer.ts";
import { type Matmul, WEIGHT_SCALE } from "./matmul.ts";

// A TensorFlow Lite file of one product, by its schema (tensorflow/lite/schema/schema.fbs, version 3).

/** enum TensorType, enum BuiltinOperator, union BuiltinOptions. */
const TYPE = { float32: 0, int8: 9, int4: 17 };
const FULLY_CONNECTED = 9;
const FULLY_CONNECTED_OPTIONS = 8;

/**
 * y = W · x of floats, with the weights as int8 or int4 and a scale for each output channel: a runtime quantizes x to 8 bits. Codes
 * of int4 go from −7 to 7.
 */
export function tfliteProduct({ M, K, codes }: Matmul, rows: number, weights: "int8" | "int4"): Uint8Array {
  const bytes = weights === "int8" ? new Uint8Array(codes.buffer, codes.byteOffset, codes.length) : nibbles(codes);
  const scales = vector(new Float32Array(M).fill(WEIGHT_SCALE));
  const quantization: Flat = {
    table: [undefined, undefined, scales, vector(new BigInt64Array(M)), undefined, undefined, 0],
  };
  const tensor = (name: string, shape: number[], type: number, buffer: number, more: Flat[] = []): Flat => ({
    table: [vector(Int32Array.from(shape)), type, buffer, text(name), ...more],
  });
  const ints = (...numbers: number[]) => vector(Int32Array.from(numbers));
  const operator: Flat = { table: [0, ints(0, 1, -1), ints(2), FULLY_CONNECTED_OPTIONS, { table: [0] }] };
  const graph: Flat = {
    table: [
      {
        list: [
          tensor("x", [rows, K], TYPE.float32, 0),
          tensor("w", [M, K], TYPE[weights], 1, [quantization]),
          tensor("y", [rows, M], TYPE.float32, 0),
        ],
      },
      ...[ints(0), ints(2), { list: [operator] }, text("product")],
    ],
  };
  const operatorCode: Flat = { table: [FULLY_CONNECTED, undefined, 12, FULLY_CONNECTED] };
  const buffers: Flat = { list: [{ table: [] }, { table: [vector(bytes)] }] };
  const version = 3;
  return encodeFlatbuffer(
    { table: [version, { list: [operatorCode] }, { list: [graph] }, text("littletern"), buffers] },
    "TFL3",
  );
}

/** Two codes to a byte, the first in its low half. */
function nibbles(codes: Int8Array): Uint8Array {
  const bytes = new Uint8Array(codes.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (codes[2 * i]! & 15) | ((codes[2 * i + 1]! & 15) << 4);
  return bytes;
}
