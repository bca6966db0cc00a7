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
  features: 32,
  partCount: 36,
  tensorCount: 38,
  opCount: 40,
  inputCount: 42,
  outputCount: 43,
  maxRows: 44,
  arenaFixed: 48,
  arenaPerRow: 52,
  stateBytes: 56,
} as const;

export const PART = { kind: 0, flags: 2, offset: 4, bytes: 8, crc: 12 } as const;
export const PART_KIND = { weights: 1, description: 2, selfTest: 3 } as const;
export const PART_REQUIRED = 1;

export const TENSOR = { dtype: 0, channels: 4, fixed: 8, perRow: 12 } as const;
export const ACTIVATION = { bit: 0, u8: 1, i8: 2, i16: 3, i32: 4, f32: 5 } as const;

export const OP = {
  kind: 0,
  post: 1,
  input: 2,
  output: 4,
  dtype: 6,
  packing: 7,
  weights: 8,
  tileChannels: 12,
  count: 14,
  lo: 16,
  hi: 18,
  rounding: 20,
  shared: 21,
} as const;
export const OP_KIND = { lookup: 1, quantize: 2, dense: 3, argmax: 4 } as const;
export const WEIGHT = { binary: 0, ternary: 1, int2: 2, int3: 3, int4: 4, int8: 5 } as const;
export const PACKING = { none: 0, sign32: 1, field2: 2, field3: 3, field4: 4, field8: 5 } as const;
export const POST = { none: 0, thresholds: 1, requantize: 2, scores: 3 } as const;
export const ROUNDING = { floor: 0, "half-even": 1 } as const;

/** Bit numbers. */
export const FEATURE = {
  lookup: 0,
  quantize: 1,
  thresholds: 2,
  requantize: 3,
  argmax: 4,
  bitDense: 8,
  binaryDense: 9,
  ternaryDense: 10,
  int3Dense: 11,
  int4Dense: 12,
  int8Dense: 13,
} as const;

export const MAX_CHANNELS = 2 ** 20;
export const MAX_ROWS = 2 ** 20;

export function align16(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
