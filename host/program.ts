import type { FixedSoftmax } from "./numbers/fixed_softmax.ts";
import type { Plane } from "./numbers/plane.ts";
import type { Quantizer } from "./numbers/quantizer.ts";
import type { Requantize } from "./numbers/requantize.ts";
import type { Step } from "./numbers/step.ts";
import type { Unit } from "./numbers/unit.ts";

/**
 * What a blob holds, unpacked: the result of lowering, the input of the blob writer and of the reference.
 * `reference/` defines what a program computes; `blob/FORMAT.md` says how it is stored.
 */
export interface Program {
  modelId: bigint; // u64
  modelVersion: number; // u32
  /** Rows (samples of a batch) that one invocation may have at most. */
  maxRows: number;
  arena: Arena;
  tensors: Tensor[];
  ops: Op[];
  /** Indices into `tensors`. */
  inputs: number[];
  outputs: number[];
  /** For hosts; devices skip it. */
  description?: Description;
  selfTest?: SelfTest;
}

/** Activation memory: `fixed + perRow · rows` bytes, each a multiple of 16. */
export interface Arena {
  fixed: number;
  perRow: number;
}

/**
 * Element of an activation: one bit for ±1 (bit 1 is −1), one byte for a code; i16 only as an input; i32 for accumulators and indices; f32 as an input and
 * in float regions, where `scaled8` has signed codes of a byte and, before those of each position, the f32 that they are multiplied by. A bit keeps the sign
 * of the code written to it, that of 0 being +1: so one step makes a bit.
 */
export type ActivationDtype = "bit" | "u8" | "i8" | "i16" | "i32" | "f32" | "scaled8";

/** An activation: `rows` rows of `height` × `width` positions of `channels` elements, at byte `fixed + perRow · rows` of the arena. A vector is one position. */
export interface Tensor {
  dtype: ActivationDtype;
  height: number;
  width: number;
  channels: number;
  fixed: number;
  perRow: number;
}

/** Signed codes: ±1; −1, 0, 1; −2…1; −4…3; −8…7; −128…127. */
export type WeightDtype = "binary" | "ternary" | "int2" | "int3" | "int4" | "int8";

/** How weights are stored: `blob/FORMAT.md` says what each is, `blob/pack/pack.ts` which dtypes it holds. */
export type PackingName =
  | "sign32"
  | "field2"
  | "field3"
  | "field4"
  | "trit5"
  | "pair4"
  | "sign128"
  | "field8"
  | "trit4"
  | "field2x16"
  | "tap8";

/** What every op has, and what the ops of a kind have besides. */
interface OpBase<Kind extends OpKind> {
  kind: Kind;
  /** Tensors that it reads, by their index in `tensors`, in the order of its operands. */
  inputs: number[];
  /** The tensor that it writes. */
  output: number;
  /** Channels in a tile of weights or parameters; the writer chooses where it is left out. */
  tileChannels?: number;
  post?: Post;
}

/** code = post(element), for integer elements, or for f32 elements in the order of their bits (`numbers/order.ts`); those of i32 by a plane, too. */
export interface QuantizeOp extends OpBase<"quantize"> {
  post: SumsPost | Lookup;
}

/** acc[m] = Σ_k weights[m, k] · input[k], then `post`; without a post the accumulators are the output. */
export interface DenseOp extends OpBase<"dense"> {
  dtype: WeightDtype;
  /** How the blob stores the weights; the first packing of their dtype where it is left out. */
  packing?: PackingName;
  /** (outputs, inputs), row-major. */
  weights: Int8Array;
  post?: SumsPost;
}

/**
 * What an output position sees of its input: the taps (y · stride − pad + k · dilation) for k below the kernel's size, in both directions. The size of the
 * output tells where it ends; taps outside the input see what the op says.
 */
export interface Window {
  kernelHeight: number;
  kernelWidth: number;
  strideY: number;
  strideX: number;
  dilationY: number;
  dilationX: number;
  padTop: number;
  padLeft: number;
}

/**
 * acc[y, x, m] = Σ weights[m, ky, kx, c] · input[tap, first + c], then `post`. The channels of input and output are in `groups` groups, one of the
 * output's for one of the input's, which begins at channel `first`. A tap outside the input counts as code `pad`, of real 0; bits have
 * none, and there it adds nothing.
 */
export interface Conv2dOp extends OpBase<"conv2d"> {
  window: Window;
  groups: number;
  pad: number;
  dtype: WeightDtype;
  packing?: PackingName;
  /**
   * How it is computed, where patches are not gathered one by one: positions of the input are added to the sums that see them; or two patches are
   * multiplied at a time.
   */
  form?: Conv2dForm;
  /** (outputs, kernel height, kernel width, inputs of a group), row-major. */
  weights: Int8Array;
  post?: SumsPost;
}

export type Conv2dForm = "scatter" | "pair";

/** Index of the greatest score, the first among equals; without `post`, of the greatest accumulator. */
export interface ArgmaxOp extends OpBase<"argmax"> {
  post?: Scores;
}

/** output[c] = max(inputs[0][c], inputs[1][c]) for codes of one scale and offset, in bytes. */
export type MaximumOp = OpBase<"maximum">;

/** output[y, x, c] = max of input[tap, c] over the taps inside the input, in elements of the input's dtype; 0 where there is none (+1 of bits). */
export interface MaxpoolOp extends OpBase<"maxpool"> {
  window: Window;
}

/** acc[y, x, c] = Σ input[tap, c] over the taps inside the input, then `post`; without a post the sums are the output. */
export interface AvgpoolOp extends OpBase<"avgpool"> {
  window: Window;
  post?: SumsPost;
}

/** acc = factors[0] · inputs[0] + factors[1] · inputs[1], element by element, for codes in bytes; then `post`. */
export interface AddOp extends OpBase<"add"> {
  /** i32: what a code of each operand counts in the unit of the sums. */
  factors: readonly [number, number];
  post?: StepsPost;
}

/** output[y, x] = the channels of inputs[0] at (y, x), then those of inputs[1]: codes in bytes, each as it is stored. */
export type ConcatOp = OpBase<"concat">;

/** output[y, x] = input[⌊y / factorY⌋, ⌊x / factorX⌋], in elements of the input's dtype: codes in bytes, or bits. */
export interface UpsampleOp extends OpBase<"upsample"> {
  /** How often each line and each column is repeated, 1 … 255. */
  factorY: number;
  factorX: number;
}

/** Codes in bytes, each position with a scale of its own: m = max(greatest |x|, epsilon), scale = m / levels, code = x · (levels / m) rounded half to even (BitNet b1.58). */
export interface QuantizeRowsOp extends OpBase<"quantize_rows"> {
  /** Greatest code: 127 of 8 bits, 7 of 4. */
  levels: number;
  /** f32 above 0 */
  epsilon: number;
}

/** f32(element) · scale + bias. */
export interface DequantizeOp extends OpBase<"dequantize"> {
  post: FloatPost;
}

/** acc[m] = Σ_k weights[m, k] · input[k] in int32 at every position, for codes in bytes; then f32(acc) · scale + bias, where scale is times that of the position. */
export interface LinearOp extends OpBase<"linear"> {
  dtype: WeightDtype;
  packing?: PackingName;
  /** (outputs, inputs), row-major. */
  weights: Int8Array;
  post: FloatPost;
}

/** Σ_k floats[m, k] · input[k] in f32 at every position, then post. */
export interface FloatLinearOp extends OpBase<"float_linear"> {
  /** (outputs, inputs), row-major, finite. */
  floats: Float32Array;
  post: FloatPost;
}

/** (x − mean) / √(variance + epsilon) of the channels of every position (Ba et al. 2016), then post. */
export interface LayerNormOp extends OpBase<"layer_norm"> {
  /** f32 */
  epsilon: number;
  post?: FloatPost;
}

/** x / √(mean of x² + epsilon) of the channels of every position (Zhang and Sennrich 2019), then post. */
export interface RmsNormOp extends OpBase<"rms_norm"> {
  epsilon: number;
  post?: FloatPost;
}

/** A function of single f32 elements (numbers/f32.ts). */
export interface ActivationOp extends OpBase<"activation"> {
  function: ActivationFunction;
}

export type ActivationFunction = "relu" | "relu2" | "gelu" | "gelu_tanh" | "silu";

/** The sum, or the product, of two f32 tensors, element by element. */
export type FloatAddOp = OpBase<"float_add">;
export type FloatMulOp = OpBase<"float_mul">;

/** e^(x − max) / Σ e^(x − max) over the channels of every position. */
export type SoftmaxOp = OpBase<"softmax">;

/**
 * Attention of every position over all positions of its row (Vaswani et al. 2017): inputs are queries, keys and values, f32. Queries have `heads` heads of as
 * many channels each, keys and values `keyHeads` of them, which heads · 1 / keyHeads of the queries share. softmax(q · k · scale) weighs the values.
 */
export interface AttentionOp extends OpBase<"attention"> {
  heads: number;
  keyHeads: number;
  /** f32 */
  scale: number;
}

/** A picture in patches: the channels of an output position are those of `height` × `width` positions, line by line. */
export interface PatchesOp extends OpBase<"patches"> {
  height: number;
  width: number;
}

/** A constant at every position, added to the input's; the output may begin with positions that hold the constant alone, as of a class token. */
export interface PositionsOp extends OpBase<"positions"> {
  /** (positions of the output, channels), finite. */
  floats: Float32Array;
}

/** The mean of all positions. */
export type MeanOp = OpBase<"mean">;

/** One position. */
export interface PickOp extends OpBase<"pick"> {
  position: number;
}

/** The ops by their kinds. FORMAT.md says how each is stored; `docs/adding_an_op.md`, where each has its files. */
interface Ops {
  quantize: QuantizeOp;
  dense: DenseOp;
  argmax: ArgmaxOp;
  maximum: MaximumOp;
  conv2d: Conv2dOp;
  maxpool: MaxpoolOp;
  avgpool: AvgpoolOp;
  add: AddOp;
  concat: ConcatOp;
  upsample: UpsampleOp;
  quantize_rows: QuantizeRowsOp;
  dequantize: DequantizeOp;
  linear: LinearOp;
  float_linear: FloatLinearOp;
  layer_norm: LayerNormOp;
  rms_norm: RmsNormOp;
  activation: ActivationOp;
  float_add: FloatAddOp;
  float_mul: FloatMulOp;
  softmax: SoftmaxOp;
  attention: AttentionOp;
  patches: PatchesOp;
  positions: PositionsOp;
  mean: MeanOp;
  pick: PickOp;
}

export type OpKind = keyof Ops;
export type Op<Kind extends OpKind = OpKind> = Ops[Kind];

/** The ops of float regions. */
export type RegionKind = Exclude<
  OpKind,
  "quantize" | "dense" | "argmax" | "maximum" | "conv2d" | "maxpool" | "avgpool" | "add" | "concat" | "upsample"
>;

/** A function of an op for each kind. The type checker proves such a table complete. */
export type OpTable<Args extends unknown[], Result> = { [Kind in OpKind]: (op: Op<Kind>, ...args: Args) => Result };

/** The function that a table has for an op, called. */
export function ofOp<Args extends unknown[], Result>(table: OpTable<Args, Result>, op: Op, ...args: Args): Result {
  return (table[op.kind] as (op: Op, ...args: Args) => Result)(op, ...args);
}

/** The ops that have weights: (output channels, weights of one), row-major. */
export type WeightedOp = Extract<Op, { weights: Int8Array }>;

export function isWeighted(op: Op): op is WeightedOp {
  return "weights" in op;
}

/** The ops that have f32 weights: rows of them, row-major. */
export type FloatsOp = Extract<Op, { floats: Float32Array }>;

export function hasFloats(op: Op): op is FloatsOp {
  return "floats" in op;
}

/** What makes the result of an op from its integers or floats, by parameter records: one for each channel, or one for all. */
export type Post = SumsPost | Lookup | Scores | FloatPost;

/** What makes codes of single integers, by a rule for each channel. */
export type StepsPost = Thresholds | Requantize;

/** What makes codes of a layer's sums. A plane also takes the codes of one more input, the op's last, which has the shape of its output. */
export type SumsPost = StepsPost | Plane;

/**
 * code = base + #{j < ups: x ≥ steps[j]} − #{j ≥ ups: x ≥ steps[j]}.
 * `ups` steps rise and the others fall; each of the two groups is sorted. Unused steps are 2^31 − 1, which no accumulator reaches.
 */
export interface Thresholds {
  kind: "thresholds";
  /** 1 (all channels share one record) or the number of channels. */
  records: number;
  /** Steps per record. */
  count: number;
  base: Int16Array; // (records)
  ups: Uint16Array; // (records)
  steps: Int32Array; // (records, count)
}

export type { Plane, Requantize };

/** code = table[low 8 bits of the element], for u8 and i8 elements; the same table for all channels. */
export interface Lookup {
  kind: "lookup";
  /** 256 codes. */
  table: Int16Array;
}

/** score[m] = acc[m] · multiplier[m] + offset[m], in 64 bits. */
export interface Scores {
  kind: "scores";
  multiplier: Int32Array;
  offset: BigInt64Array;
}

/** y[c] = x · scale[c] + bias[c] in f32, product and sum rounded. */
export interface FloatPost {
  kind: "float";
  /** 1 (all channels share one record) or the number of channels. */
  records: number;
  scale: Float32Array;
  bias: Float32Array;
}

/** What the numbers at the ends of a program mean, and where the model came from. Stored as JSON. */
export interface Description {
  name: string;
  source: { format: string; file: string; bytes: number; sha256: string };
  /** Name and version of the converter, and what it chose. */
  converter: { version: string; choices: Record<string, string | number | boolean> };
  inputs: InputDescription[];
  outputs: OutputDescription[];
  /** One entry per op. */
  ops: OpDescription[];
  /** One entry per tensor: the graph value that it holds, for `verify`; null for elements of an input that still wait for their quantizer, or that are f32, and for codes with scales. */
  tensors: (TensorDescription | null)[];
}

/** The checkpoint's name of the node that an op computes, and of its weight tensor. */
export interface OpDescription {
  node: string;
  weights?: string;
}

/** Tensor element + offset = code − zero point of the graph's quantizer (or accumulator of its dense node). One number per tensor or per channel. */
export interface TensorDescription {
  value: string;
  offset: number[];
}

/**
 * How the unit of an input is known: declared to the converter, read from the checkpoint (its input's type, or what its first quantizer
 * takes), or assumed where the checkpoint leaves it open.
 */
export type Basis = "declared" | "read" | "assumed";

/** The order of a picture's axes: channels, height, width; or height, width, channels, as tensors have it. Axes of size 1 may be left out. */
export const LAYOUTS = ["chw", "hwc"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Real input x (f32) → steps → quantizer → codes. */
export interface InputDescription {
  name: string;
  /** Shape of a row as the checkpoint has it. */
  shape: number[];
  /** How that is the picture that the tensor holds; a vector, in the order of the checkpoint, where it is left out. */
  layout?: Layout;
  /** What an integer element of the input stands for; an f32 element is x itself, and then this is what a pixel stands for. */
  unit: Unit;
  basis: Basis;
  /** Quantizers before the last, whose codes are held nowhere: x → steps → quantizer → (code − zero) · scale, which is the next x. */
  wide?: { steps: Step[]; quantizer: Quantizer; scale: number[] }[];
  steps: Step[];
  /** None where the input is f32 and begins a float region, without steps. */
  quantizer?: Quantizer;
  /** Tensor that holds the codes, or the floats. A host may write codes there and start after the op that fills it. */
  codes: number;
}

/** Element of an output tensor → what the checkpoint's output is. */
export interface OutputDescription {
  name: string;
  /** Shape of a row: a picture's is [height, width, channels]. */
  shape: number[];
  kind: "scores" | "codes" | "index";
  /** Of f32, its elements are the numbers before the softmax, with an offset of 0, a scale of 1 and no steps. scores: score[c] = f32(steps((acc[c] + offset[c]) · scale[c])), then softmax over the row if set, in float64 or in fixed point. codes: (code + offset) · scale through the steps. */
  offset: number[];
  scale: number[];
  steps: Step[];
  softmax: boolean | FixedSoftmax;
  /** What rounds the numbers of the softmax to those of its codes. */
  quantizer?: Quantizer;
  classes?: string[];
}

/** Golden pairs: what the program computes for some inputs. Rows are packed without padding, in the order of the input and output tables. */
export interface SelfTest {
  inputs: Uint8Array[];
  outputs: Uint8Array[];
}
