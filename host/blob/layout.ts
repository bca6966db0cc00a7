/** Offsets, sizes and codes of FORMAT.md, in its order. `assembly/blob.ts` is the other mirror. */

export const MAGIC = 0x4e524554; // "TERN"
export const FORMAT_VERSION = 1;
export const ABI_VERSION = 1;

export const HEADER_BYTES = 64;
export const PART_BYTES = 16;
export const TENSOR_BYTES = 16;
export const OP_BYTES = 32;

export const HEADER = {
  magic: 0,
  crc: 4,
  formatVersion: 8,
  abiVersion: 10,
  totalBytes: 12,
  modelId: 16,
  modelVersion: 24,
  headBytes: 28,
  stateBytes: 32,
  partCount: 36,
  tensorCount: 38,
  opCount: 40,
  inputCount: 42,
  outputCount: 43,
  maxRows: 44,
  arenaFixed: 48,
  arenaPerRow: 52,
  opFeatures: 56,
  dataFeatures: 60,
} as const;

export const PART = { kind: 0, flags: 2, offset: 4, bytes: 8, crc: 12 } as const;
export const PART_KIND = { weights: 1, description: 2, selfTest: 3 } as const;
export const REQUIRED = 1; // flag

export const TENSOR = { dtype: 0, channels: 4, fixed: 8, perRow: 12 } as const;
export const ACTIVATION = { bit: 0, u8: 6, i8: 7, i16: 9, f32: 10, i32: 11 } as const;

export const OP = {
  kind: 0,
  post: 1,
  input: 2,
  output: 4,
  dtype: 6,
  packing: 7,
  weights: 8,
  tileBytes: 12,
  recordsAt: 16,
  tileChannels: 20,
  recordStep: 22,
  count: 24,
  lo: 26,
  hi: 28,
  rounding: 30,
} as const;
export const OP_KIND = { quantize: 1, dense: 2, argmax: 3 } as const;
export const WEIGHT = { binary: 0, ternary: 1, int2: 2, int3: 3, int4: 4, int8: 5 } as const;
export const PACKING = {
  none: 0,
  sign32: 1,
  field2: 2,
  field3: 3,
  field4: 4,
  trit5: 5,
  pair4: 6,
  sign128: 7,
  field8: 8,
  trit4: 10,
  field2x16: 11,
} as const;
export const POST = { none: 0, thresholds: 1, requantize: 2, lookup: 3, scores: 4 } as const;
export const ROUNDING = { floor: 0, "half-even": 1 } as const;

/** Bit numbers of opFeatures beside those of the op kinds. */
export const OP_FEATURE = { wideInput: 29, bitTensor: 30, i8Tensor: 31 } as const;
/** Bit of post 0 in dataFeatures; packings count from bit 0. */
export const POST_BIT = 16;

export const MAX_CHANNELS = 2 ** 20;
export const MAX_ROWS = 2 ** 20;

export function align16(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
