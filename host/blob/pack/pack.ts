import type { WeightDtype } from "../../program.ts";
import { fieldBytes, packFields, unpackFields } from "./fields.ts";
import { packSigns, signBytes, unpackSigns } from "./signs.ts";

/** How the K weights of one output channel are stored, and back. */
export interface Packing {
  name: "sign32" | "field2" | "field3" | "field4" | "field8";
  /** Bits of a weight. */
  bits: number;
  /** Bytes of a channel with `inputs` weights, a multiple of 4. */
  rowBytes(inputs: number): number;
  pack(view: DataView, offset: number, codes: Int8Array): void;
  unpack(view: DataView, offset: number, codes: Int8Array): void;
}

const SIGN32: Packing = { name: "sign32", bits: 1, rowBytes: signBytes, pack: packSigns, unpack: unpackSigns };

function fields(bits: 2 | 3 | 4 | 8, least: number): Packing {
  return {
    name: `field${bits}`,
    bits,
    rowBytes: (inputs) => fieldBytes(inputs, bits),
    pack: (view, offset, codes) => packFields(view, offset, codes, bits, least),
    unpack: (view, offset, codes) => unpackFields(view, offset, codes, bits, least),
  };
}

/** The packing of each weight dtype, and the least and greatest weight that it holds. */
export const WEIGHTS: Record<WeightDtype, { packing: Packing; min: number; max: number }> = {
  binary: { packing: SIGN32, min: -1, max: 1 },
  ternary: { packing: fields(2, -1), min: -1, max: 1 },
  int2: { packing: fields(2, -2), min: -2, max: 1 },
  int3: { packing: fields(3, -4), min: -4, max: 3 },
  int4: { packing: fields(4, -8), min: -8, max: 7 },
  int8: { packing: fields(8, -128), min: -128, max: 127 },
};
