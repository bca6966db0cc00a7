/** Offsets, sizes and codes of FORMAT.md, in its order. `assembly/blob.ts` is the other mirror. */

export const MAGIC = 0x4e524554; // "TERN"
export const FORMAT_VERSION = 2;
export const ABI_VERSION = 2;

export const HEADER_BYTES = 80;
export const PART_BYTES = 16;
export const TENSOR_BYTES = 24;
export const OP_BYTES = 52;

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
  ops: 56,
  packings: 60,
  posts: 64,
  dtypes: 68,
  context: 72,
} as const;

export const PART = { kind: 0, flags: 2, offset: 4, bytes: 8, crc: 12 } as const;
export const PART_KIND = { weights: 1, description: 2, selfTest: 3 } as const;
export const REQUIRED = 1; // flag

export const TENSOR = { dtype: 0, height: 4, width: 6, channels: 8, fixed: 12, perRow: 16 } as const;
export const ACTIVATION = { bit: 0, u8: 6, i8: 7, i16: 9, f32: 10, i32: 11, scaled8: 23 } as const;

export const OP = {
  kind: 0,
  post: 1,
  flags: 2,
  rounding: 3,
  input: 4,
  second: 6,
  third: 8,
  output: 10,
  dtype: 12,
  packing: 13,
  tileChannels: 14,
  weights: 16,
  tileBytes: 20,
  recordsAt: 24,
  recordStep: 28,
  count: 30,
  lo: 30,
  hi: 31,
  left: 32,
  zero: 32,
  right: 33,
  groups: 34,
  heads: 34,
  kernelHeight: 36,
  factor: 36,
  epsilon: 36,
  keyHeads: 36,
  position: 36,
  kernelWidth: 38,
  dilationY: 40,
  secondFactor: 40,
  scale: 40,
  dilationX: 42,
  padTop: 44,
  padLeft: 46,
  strideY: 48,
  strideX: 49,
  pad: 50,
  form: 51,
} as const;
/** Where an op's record has the tensors that it reads. */
export const INPUTS = [OP.input, OP.second, OP.third] as const;
/** Flag of an op: every requantize record has shifts of its own. */
export const OWN_SHIFTS = 1;
export const OP_KIND = {
  quantize: 1,
  dense: 2,
  argmax: 3,
  maximum: 4,
  conv2d: 5,
  add: 6,
  maxpool: 7,
  avgpool: 8,
  concat: 9,
  upsample: 10,
  quantize_rows: 11,
  dequantize: 12,
  linear: 13,
  float_linear: 14,
  layer_norm: 15,
  rms_norm: 16,
  activation: 17,
  float_add: 18,
  float_mul: 19,
  softmax: 20,
  attention: 21,
  patches: 22,
  positions: 23,
  mean: 24,
  pick: 25,
} as const;
/** Forms of a conv2d. */
export const FORM = { gather: 0, scatter: 1, pair: 2 } as const;
export const WEIGHT = { binary: 0, ternary: 1, int2: 2, int3: 3, int4: 4, int8: 5, f32: 6 } as const;
/** Functions of activation ops. */
export const FUNCTION = { relu: 0, relu2: 1, gelu: 2, gelu_tanh: 3, silu: 4 } as const;
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
  tap8: 12,
  f32: 13,
} as const;
export const POST = { none: 0, thresholds: 1, requantize: 2, lookup: 3, scores: 4, plane: 5, float: 6 } as const;
export const ROUNDING = { floor: 0, "half-even": 1, "half-away": 2 } as const;

/** Bits of `dtypes` beside those of the dtypes: quantize of i32, and tensors of more than one position. */
export const QUANTIZES_I32 = 31;
export const PICTURES = 30;

export const MAX_CHANNELS = 2 ** 20;
export const MAX_ROWS = 2 ** 20;

export function align16(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
