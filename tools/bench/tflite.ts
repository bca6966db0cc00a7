import { type Convolution, greatest, spreadOf } from "./convolution.ts";
import { encodeFlatbuffer, type Flat, text, vector } from "./flatbuffer.ts";
import { type Matmul, WEIGHT_SCALE } from "./matmul.ts";

// TensorFlow Lite files of one product or one convolution, by the schema (tensorflow/lite/schema/schema.fbs, version 3).

/** enum TensorType; enum BuiltinOperator, and the version of each that has what is used here; union BuiltinOptions. */
const TYPE = { float32: 0, int32: 2, int8: 9, int4: 17 };
const OPERATOR = {
  conv2d: { code: 3, version: 3 },
  dequantize: { code: 6, version: 2 },
  fullyConnected: { code: 9, version: 12 },
  quantize: { code: 114, version: 1 },
};
const OPTIONS = { conv2d: 1, fullyConnected: 8 };

/** A tensor of the graph; with data, a constant. A value is scale · (code − zero), its scales one for each output channel, or one. */
interface TfliteTensor {
  name: string;
  shape: number[];
  type: keyof typeof TYPE;
  data?: Uint8Array;
  scales?: Float32Array;
}

interface TfliteOperator {
  name: keyof typeof OPERATOR;
  inputs: number[];
  output: number;
  options?: { kind: number; fields: (number | undefined)[] };
}

/** A file whose first tensor is the input, the last one the output. */
function tfliteFile(tensors: readonly TfliteTensor[], operators: readonly TfliteOperator[]): Uint8Array {
  const ints = (...numbers: number[]) => vector(Int32Array.from(numbers));
  const constants = tensors.filter(({ data }) => data);
  const buffers: Flat = {
    list: [{ table: [] }, ...constants.map(({ data }): Flat => ({ table: [vector(data!)] }))],
  };
  const table = tensors.map(
    ({ name, shape, type, data, scales }): Flat => ({
      table: [
        ...[ints(...shape), TYPE[type], data ? 1 + constants.findIndex((each) => each.name === name) : 0, text(name)],
        ...(scales
          ? [
              {
                table: [
                  undefined,
                  undefined,
                  vector(scales),
                  vector(new BigInt64Array(scales.length)),
                  undefined,
                  undefined,
                  0,
                ],
              },
            ]
          : []),
      ],
    }),
  );
  const names = [...new Set(operators.map(({ name }) => name))];
  const list = operators.map(
    ({ name, inputs, output, options }): Flat => ({
      table: [
        ...[names.indexOf(name), ints(...inputs), ints(output)],
        ...(options ? [options.kind, { table: options.fields }] : []),
      ],
    }),
  );
  const graph: Flat = { table: [{ list: table }, ints(0), ints(tensors.length - 1), { list }, text("bench")] };
  const codes = names.map((name): Flat => {
    const { code, version } = OPERATOR[name];
    return { table: [code, undefined, version, code] };
  });
  const version = 3;
  return encodeFlatbuffer(
    { table: [version, { list: codes }, { list: [graph] }, text("littletern"), buffers] },
    "TFL3",
  );
}

/**
 * y = W · x of floats, with the weights as int8 or int4 and a scale for each output channel: a runtime quantizes x to 8 bits. Codes
 * of int4 go from −7 to 7.
 */
export function tfliteProduct({ M, K, codes }: Matmul, rows: number, weights: "int8" | "int4"): Uint8Array {
  const data = weights === "int8" ? bytesOf(codes) : nibbles(codes);
  return tfliteFile(
    [
      { name: "x", shape: [rows, K], type: "float32" },
      { name: "w", shape: [M, K], type: weights, data, scales: new Float32Array(M).fill(WEIGHT_SCALE) },
      { name: "y", shape: [rows, M], type: "float32" },
    ],
    [
      {
        ...{ name: "fullyConnected", inputs: [0, 1, -1], output: 2 },
        options: { kind: OPTIONS.fullyConnected, fields: [0] },
      },
    ],
  );
}

/** A convolution of floats, or of codes of 8 bits between a quantization and its inverse. */
export function tfliteConvolution(task: Convolution, numbers: "fp32" | "int8"): Uint8Array {
  const { height, width, inputs, outputs, kernel, codes } = task;
  const [from, to, weights] = [
    [1, height, width, inputs],
    [1, height, width, outputs],
    [outputs, kernel, kernel, inputs],
  ];
  const options = { kind: OPTIONS.conv2d, fields: [0, 1, 1, 0, 1, 1] }; // padded to the same size, strides, no activation, dilations
  if (numbers === "fp32") {
    const floats = Float32Array.from(codes, (code) => code * WEIGHT_SCALE);
    return tfliteFile(
      [
        { name: "x", shape: from, type: "float32" },
        { name: "w", shape: weights, type: "float32", data: bytesOf(floats) },
        { name: "b", shape: [outputs], type: "float32", data: new Uint8Array(4 * outputs) },
        { name: "y", shape: to, type: "float32" },
      ],
      [{ name: "conv2d", inputs: [0, 1, 2], output: 3, options }],
    );
  }
  const [scaleX, scaleY] = [Float32Array.of(greatest(task.x) / 127), Float32Array.of(spreadOf(task) / 127)];
  const scales = new Float32Array(outputs).fill(WEIGHT_SCALE);
  return tfliteFile(
    [
      { name: "x", shape: from, type: "float32" },
      { name: "w", shape: weights, type: "int8", data: bytesOf(codes), scales },
      {
        ...{ name: "b", shape: [outputs], type: "int32", data: new Uint8Array(4 * outputs) },
        scales: scales.map((scale) => scale * scaleX[0]!),
      },
      { name: "x.codes", shape: from, type: "int8", scales: scaleX },
      { name: "y.codes", shape: to, type: "int8", scales: scaleY },
      { name: "y", shape: to, type: "float32" },
    ],
    [
      { name: "quantize", inputs: [0], output: 3 },
      { name: "conv2d", inputs: [3, 1, 2], output: 4, options },
      { name: "dequantize", inputs: [4], output: 5 },
    ],
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: Int8Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Two codes to a byte, the first in its low half. */
function nibbles(codes: Int8Array): Uint8Array {
  const bytes = new Uint8Array(codes.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (codes[2 * i]! & 15) | ((codes[2 * i + 1]! & 15) << 4);
  return bytes;
}
