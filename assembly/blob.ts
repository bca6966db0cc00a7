/** Offsets and codes of host/blob/FORMAT.md, in its order. `head` is the address of the blob's first byte. */

export const MAGIC: u32 = 0x4e524554;
export const FORMAT_VERSION: u16 = 2;
export const ABI_VERSION: u16 = 2;

export const HEADER_BYTES: u32 = 80;
export const PART_BYTES: u32 = 16;
export const TENSOR_BYTES: u32 = 24;
export const OP_BYTES: u32 = 52;

export const MAX_CHANNELS: u32 = 1 << 20;
export const MAX_ROWS: u32 = 1 << 20;
/** Elements of a row. */
export const MAX_ELEMENTS: u32 = 1 << 24;

export enum Header {
  magic = 0,
  crc = 4,
  formatVersion = 8,
  abiVersion = 10,
  totalBytes = 12,
  modelId = 16,
  modelVersion = 24,
  headBytes = 28,
  stateBytes = 32,
  partCount = 36,
  tensorCount = 38,
  opCount = 40,
  inputCount = 42,
  outputCount = 43,
  maxRows = 44,
  arenaFixed = 48,
  arenaPerRow = 52,
  ops = 56,
  packings = 60,
  posts = 64,
  dtypes = 68,
  context = 72,
}

export enum Part {
  kind = 0,
  flags = 2,
  offset = 4,
  bytes = 8,
  crc = 12,
}
/** Bit of a part's kind and flags, read as one u32: who does not know the kind must refuse the blob. */
export const REQUIRED: u32 = 1 << 16;
export const WEIGHTS_PART: u32 = REQUIRED | 1;

export enum Tensor {
  dtype = 0,
  height = 4,
  width = 6,
  channels = 8,
  fixed = 12,
  perRow = 16,
}
/** `dtype >> 1` is log2 of an element's bits; an odd one is signed. */
export enum Activation {
  bit = 0,
  u8 = 6,
  i8 = 7,
  i16 = 9,
  f32 = 10,
  i32 = 11,
  scaled8 = 23,
}

export enum Op {
  kind = 0,
  post = 1,
  flags = 2,
  rounding = 3,
  input = 4,
  second = 6,
  third = 8,
  output = 10,
  dtype = 12,
  packing = 13,
  tileChannels = 14,
  weights = 16,
  tileBytes = 20,
  recordsAt = 24,
  recordStep = 28,
  count = 30,
  // biome-ignore lint/suspicious/noDuplicateEnumValues: codes of a requantization stand where thresholds have their count
  lo = 30,
  hi = 31,
  left = 32,
  // records with shifts of their own leave the byte of `left` to it
  zero = 32,
  right = 33,
  groups = 34,
  heads = 34,
  kernelHeight = 36,
  factor = 36,
  epsilon = 36,
  keyHeads = 36,
  position = 36,
  kernelWidth = 38,
  dilationY = 40,
  secondFactor = 40,
  scale = 40,
  dilationX = 42,
  padTop = 44,
  padLeft = 46,
  strideY = 48,
  strideX = 49,
  pad = 50,
  form = 51,
}
/** Flag of an op: every requantize record has shifts of its own. */
export const OWN_SHIFTS: u32 = 1;
/** Forms of a conv2d: patches of a few positions are gathered, what a position holds is added to the sums that see it, or two patches are multiplied at a time. */
export enum Form {
  gather = 0,
  scatter = 1,
  pair = 2,
}
export enum OpKind {
  quantize = 1,
  dense = 2,
  argmax = 3,
  maximum = 4,
  conv2d = 5,
  add = 6,
  maxpool = 7,
  avgpool = 8,
  concat = 9,
  upsample = 10,
  quantize_rows = 11,
  dequantize = 12,
  linear = 13,
  float_linear = 14,
  layer_norm = 15,
  rms_norm = 16,
  activation = 17,
  float_add = 18,
  float_mul = 19,
  softmax = 20,
  attention = 21,
  patches = 22,
  positions = 23,
  mean = 24,
  pick = 25,
}
/** Those that a module tells apart. */
export enum Weight {
  int8 = 5,
  f32 = 6,
}
/** Functions of activation ops. */
export enum Curve {
  relu = 0,
  relu2 = 1,
  gelu = 2,
  gelu_tanh = 3,
  silu = 4,
}
/** 1 … 4 and 8: words of fields of as many bits; 9: of 2 bits, and a sum. */
export enum Packing {
  none = 0,
  sign32 = 1,
  field2 = 2,
  field3 = 3,
  field4 = 4,
  trit5 = 5,
  pair4 = 6,
  sign128 = 7,
  field8 = 8,
  trit4 = 10,
  field2x16 = 11,
  tap8 = 12,
  f32 = 13,
}
export enum Post {
  none = 0,
  thresholds = 1,
  requantize = 2,
  lookup = 3,
  scores = 4,
  plane = 5,
  float = 6,
}
