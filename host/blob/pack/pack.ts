import { InputError } from "../../base/errors.ts";
import type { DenseOp, PackingName, WeightDtype } from "../../program.ts";
import { fieldBytes, packFields, unpackFields } from "./field.ts";
import { FIELD2X16_CHANNELS, field2x16Bytes, packField2x16, unpackField2x16 } from "./field2x16.ts";
import { PAIR4_CHANNELS, packPair4, pair4Bytes, unpackPair4 } from "./pair4.ts";
import { packSigns, signBytes, unpackSigns } from "./sign.ts";
import { packTap8, TAP8_CHANNELS, tap8Bytes, unpackTap8 } from "./tap8.ts";
import { packTrit4, TRIT4_BLOCK_BYTES, TRIT4_CHANNELS, trit4Bytes, unpackTrit4 } from "./trit4.ts";
import { packTrit5, trit5Bytes, unpackTrit5 } from "./trit5.ts";

/** How weights are stored, a group of output channels at a time, and back. */
export interface Packing {
  name: PackingName;
  /** Output channels of a group. The last group of a tile may have fewer, and takes as many bytes. */
  groupChannels: number;
  /** Bytes of a group whose channels have `inputs` weights each, a multiple of 4. */
  groupBytes(inputs: number): number;
  /** If given, the groups of a tile take turns: the first so many bytes of each, then the next of each. */
  blockBytes?: number;
  /** Writes `codes`, (channels of a group, inputs), at byte `offset` of `view`, where zeros are. */
  pack(view: DataView, offset: number, codes: Int8Array, inputs: number): void;
  /** Inverse of `pack`: fills `codes`. What no writer makes gives a code that the dtype does not have. */
  unpack(view: DataView, offset: number, codes: Int8Array, inputs: number): void;
}

function signs(lanes: 32 | 128): Packing {
  return {
    name: `sign${lanes}`,
    groupChannels: 1,
    groupBytes: (inputs) => signBytes(inputs, lanes),
    pack: packSigns,
    unpack: unpackSigns,
  };
}

const TRIT5: Packing = {
  name: "trit5",
  groupChannels: 1,
  groupBytes: trit5Bytes,
  pack: packTrit5,
  unpack: unpackTrit5,
};

const PAIR4: Packing = {
  name: "pair4",
  groupChannels: PAIR4_CHANNELS,
  groupBytes: pair4Bytes,
  pack: packPair4,
  unpack: unpackPair4,
};

const TRIT4: Packing = {
  name: "trit4",
  groupChannels: TRIT4_CHANNELS,
  groupBytes: trit4Bytes,
  blockBytes: TRIT4_BLOCK_BYTES,
  pack: packTrit4,
  unpack: unpackTrit4,
};

/** Of depthwise convolutions, for weights of every dtype. */
export const TAP8: Packing = {
  name: "tap8",
  groupChannels: TAP8_CHANNELS,
  groupBytes: tap8Bytes,
  pack: packTap8,
  unpack: unpackTap8,
};

function fields(bits: 2 | 3 | 4 | 8, least: number): Packing {
  return {
    name: `field${bits}`,
    groupChannels: 1,
    groupBytes: (inputs) => fieldBytes(inputs, bits),
    pack: (view, offset, codes) => packFields(view, offset, codes, bits, least),
    unpack: (view, offset, codes) => unpackFields(view, offset, codes, bits, least),
  };
}

function field2x16(least: number): Packing {
  return {
    name: "field2x16",
    groupChannels: FIELD2X16_CHANNELS,
    groupBytes: field2x16Bytes,
    pack: (view, offset, codes, inputs) => packField2x16(view, offset, codes, inputs, least),
    unpack: (view, offset, codes, inputs) => unpackField2x16(view, offset, codes, inputs, least),
  };
}

/** The least and greatest weight of each dtype, and the packings that hold it, beside tap8: first that of an op which names none. */
export const WEIGHTS: Record<WeightDtype, { min: number; max: number; packings: readonly [Packing, ...Packing[]] }> = {
  binary: { min: -1, max: 1, packings: [signs(32), signs(128)] },
  ternary: { min: -1, max: 1, packings: [fields(2, -1), TRIT5, PAIR4, field2x16(-1), TRIT4] },
  int2: { min: -2, max: 1, packings: [fields(2, -2), field2x16(-2)] },
  int3: { min: -4, max: 3, packings: [fields(3, -4), fields(4, -4)] },
  int4: { min: -8, max: 7, packings: [fields(4, -8)] },
  int8: { min: -128, max: 127, packings: [fields(8, -128)] },
};

/** The packing of an op's weights; that of depthwise convolutions holds every dtype. Throws InputError for one that does not hold theirs. */
export function packingOf({ dtype, packing: name }: Pick<DenseOp, "dtype" | "packing">): Packing {
  if (name === TAP8.name) return TAP8;
  const { packings } = WEIGHTS[dtype];
  const found = name === undefined ? packings[0] : packings.find((packing) => packing.name === name);
  if (found) return found;
  const names = packings.map((packing) => packing.name);
  throw new InputError(`packing ${name} of ${dtype} weights, expected one of ${names.join(", ")}`);
}

/** `rows` × `columns` blocks of `blockBytes` bytes, column by column instead of row by row. */
export function transposeBlocks(bytes: Uint8Array, rows: number, columns: number, blockBytes: number): Uint8Array {
  const turned = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = (row * columns + column) * blockBytes;
      turned.set(bytes.subarray(at, at + blockBytes), (column * rows + row) * blockBytes);
    }
  }
  return turned;
}

/** Bytes of the weights of some output channels. */
export function packedBytes({ groupChannels, groupBytes }: Packing, channels: number, inputs: number): number {
  return Math.ceil(channels / groupChannels) * groupBytes(inputs);
}
