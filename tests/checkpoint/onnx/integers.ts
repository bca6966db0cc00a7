import { DATA_TYPE, type Draft, type TensorProto } from "../../../host/checkpoint/onnx/proto.ts";

/** Bits of the types that integers of quantized files have. */
const BITS = { INT32: 32, INT8: 8, UINT8: 8, INT4: 4, UINT4: 4, INT2: 2, UINT2: 2 } as const;

export type IntegerName = keyof typeof BITS;

/** A constant of an integer type: several of less than 8 bits in a byte, the first in the lowest bits. */
export function integerTensor(
  name: string,
  type: IntegerName,
  dims: number[],
  values: readonly number[],
): Draft<TensorProto> {
  const bits = BITS[type];
  const raw = new Uint8Array(Math.ceil((values.length * bits) / 8));
  const view = new DataView(raw.buffer);
  for (const [i, value] of values.entries()) {
    if (bits === 32) view.setInt32(4 * i, value, true);
    else raw[(i * bits) >> 3]! |= (value & (2 ** bits - 1)) << ((i * bits) & 7);
  }
  return { name, dims, data_type: DATA_TYPE[type], raw_data: raw };
}
