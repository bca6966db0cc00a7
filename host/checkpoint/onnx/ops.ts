import { CheckpointError } from "../../base/errors.ts";
import type { Node } from "../../graph/graph.ts";
import type { Quantizer } from "../../numbers/quantizer.ts";
import type { Step } from "../../numbers/step.ts";
import { reshapeDims } from "../reshape.ts";
import { concat, elements, take } from "../tensor.ts";
import { weightsOf } from "../weights.ts";
import {
  axisOf,
  type Call,
  type Constant,
  channelsOf,
  constantOperand,
  type Data,
  dataOperand,
  hasBatch,
  integers,
  MAX_AXES,
  operand,
  Refusal,
  requireFinite,
  rowShape,
  scalar,
  shapeText,
  type Value,
} from "./call.ts";
import { conv } from "./conv.ts";
import { apply, constant, emit, enlarge, type Piece, spread, transposeConstant, vector } from "./emit.ts";
import { FOLDED, foldUnary } from "./fold.ts";
import { pad } from "./pad.ts";
import { type Pictured, pictureOf, placesOf, reshapedPicture, transposedPicture } from "./picture.ts";
import { averagePool, everyNth, globalAveragePool, globalMaxPool, maxPool, reduceMax, reduceMean } from "./pool.ts";
import { DATA_TYPE } from "./proto.ts";
import {
  bipolarQuantizer,
  dequantizeConstant,
  intQuantizer,
  linearCodes,
  linearOperands,
  linearQuantizer,
  quantizeConstant,
  SIGN,
} from "./quant.ts";
import { resize } from "./resize.ts";
import { readTensor } from "./tensor.ts";

/**
 * ONNX node types. Each takes a node whose operands are known, adds graph nodes for what it does to data and gives the
 * value of its output; on constants it computes. Meanings: https://onnx.ai/onnx/operators/ and, for the quantizers,
 * https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops.
 */
export const OPS: Record<string, (call: Call) => Value> = {
  Quant: (call) => quant(call, intQuantizer),
  IntQuant: (call) => quant(call, intQuantizer),
  BipolarQuant: (call) => quant(call, bipolarQuantizer),
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  Sign: sign,

  MatMul: matMul,
  Gemm: gemm,
  Conv: conv,

  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalMaxPool: globalMaxPool,
  GlobalAveragePool: globalAveragePool,

  Add: (call) => arithmetic(call, "add", "add"),
  Sub: (call) => arithmetic(call, "sub", "rsub"),
  Mul: (call) => arithmetic(call, "mul", "mul"),
  Div: (call) => arithmetic(call, "div", "rdiv"),
  Pow: (call) => arithmetic(call, "pow", undefined),
  Min: (call) => extremum(call, "min"),
  Max: (call) => extremum(call, "max"),
  Neg: negate,
  Sqrt: (call) => apply(call, operand(call, 0), [{ kind: "pow", by: vector(0.5) }]),
  Reciprocal: (call) => apply(call, operand(call, 0), [{ kind: "rdiv", by: vector(1) }]),
  Relu: (call) => apply(call, operand(call, 0), [{ kind: "relu" }]),
  ...FOLDED,
  ReduceMean: reduceMean,
  ReduceMax: reduceMax,
  Clip: clip,
  HardTanh: hardTanh,
  BatchNormalization: batchNormalization,

  Resize: resize,
  Upsample: resize,

  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transposeOp,

  Constant: constantOp,
  Shape: shapeOp,
  ConstantOfShape: constantOfShape,
  Gather: gather,
  Slice: slice,
  Pad: pad,
  Concat: concatOp,

  Identity: (call) => operand(call, 0),
  Dropout: dropout,
  Cast: cast,

  Softmax: softmax,
  ArgMax: argMax,
};

// Quantizers

function quant(call: Call, read: (call: Call, toVector: (c: Constant) => Float64Array) => Quantizer): Value {
  const x = operand(call, 0);
  const quantizer = read(call, (constant) => spread(call, constant, x));
  if (x.kind === "data") return emit(call, x, [{ op: "quantize", quantizer }]);
  requireFinite(call, x);
  call.sink.spend(3 * x.data.length);
  return quantizeConstant(x, quantizer);
}

/** Gives integers; a DequantizeLinear that undoes it gives the quantizer's own value. */
function quantizeLinear(call: Call): Value {
  const x = operand(call, 0);
  const quantizer = linearQuantizer(call, (constant) => spread(call, constant, x));
  if (x.kind === "constant") {
    requireFinite(call, x);
    call.sink.spend(5 * x.data.length);
    return linearCodes(x, quantizer);
  }
  const { scale, zero } = quantizer;
  const steps: Step[] = [{ kind: "div", by: scale }, ...offset("add", zero)];
  const pieces: Piece[] = [{ op: "quantize", quantizer }, ...steps.map((step): Piece => ({ op: "step", step }))];
  const integers = emit(call, x, pieces);
  const value = call.sink.nodes.at(-pieces.length)!.output;
  return { ...integers, quantized: { value, scale, zero } };
}

function dequantizeLinear(call: Call): Value {
  const x = operand(call, 0);
  const { scale, zero } = linearOperands(call, (constant) => spread(call, constant, x));
  if (x.kind === "constant") {
    requireFinite(call, x);
    call.sink.spend(3 * x.data.length);
    return dequantizeConstant(x, scale, zero);
  }
  const { quantized, ...integers } = x;
  if (quantized && sameVector(quantized.scale, scale) && sameVector(quantized.zero, zero)) {
    return { ...integers, value: quantized.value };
  }
  return apply(call, integers, [...offset("sub", zero), { kind: "mul", by: scale }]);
}

function offset(kind: "add" | "sub", by: Float64Array): Step[] {
  return by.every((x) => x === 0) ? [] : [{ kind, by }];
}

function sameVector(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

function sign(call: Call): Value {
  const x = operand(call, 0);
  return x.kind === "data" ? emit(call, x, [{ op: "quantize", quantizer: SIGN }]) : foldUnary(call, Math.sign);
}

// Matrix products

function matMul(call: Call): Value {
  if (operand(call, 0).kind === "constant") {
    throw new Refusal("its weights are on the left", "data on the left, weights on the right: x · W");
  }
  const x = dataOperand(call, 0);
  return dense(call, x, constantOperand(call, 1, "weight matrix"), "(K, M)");
}

/** alpha · x · B + beta · C. */
function gemm(call: Call): Value {
  const { attributes } = call;
  if (attributes.int("transA")) throw new Refusal("transA is set", "one row per sample: transA = 0");
  const layout = attributes.int("transB") ? "(M, K)" : "(K, M)";
  const alpha = attributes.float("alpha") ?? 1;
  const beta = attributes.float("beta") ?? 1;
  const bias = call.inputs[2] ? constantOperand(call, 2, "bias C") : undefined;

  return dense(call, dataOperand(call, 0), constantOperand(call, 1, "weight matrix"), layout, (product) => {
    const after: Step[] = [];
    if (alpha !== 1) after.push({ kind: "mul", by: vector(alpha) });
    if (bias && beta !== 0) after.push({ kind: "add", by: spread(call, bias, product).map((c) => c * beta) });
    return after;
  });
}

/** x · W, then `after`, which is asked once the product's shape is known. */
function dense(
  call: Call,
  x: Data,
  constant: Constant,
  layout: "(M, K)" | "(K, M)",
  after: (product: Data) => Step[] = () => [],
): Data {
  if (constant.dims.length !== 2) {
    throw new Refusal(`its weights have shape ${shapeText(constant.dims)}`, "a matrix");
  }
  requireFinite(call, constant);
  const oriented = layout === "(M, K)" ? constant : transposeConstant(call, constant, [1, 0]);
  const [outputs, inputs] = oriented.dims as [number, number];
  if (x.dims.at(-1) !== inputs || inputs === 0 || outputs === 0) {
    throw new CheckpointError(
      `${call.opType} "${call.name}": ${shapeText(x.dims)} times weights ${layout} of shape ${shapeText(constant.dims)}`,
    );
  }
  const { picture, ...vector } = x;
  if (elements(rowShape(x.dims)) !== inputs) {
    throw new Refusal("a row holds several vectors", "a Flatten or Reshape to one vector per sample before it");
  }
  const { weights, notes } = weightsOf(picture ? inOrderOf(call, oriented, picture) : oriented);
  call.sink.notes.push(...notes);
  const dims = x.dims.with(-1, outputs);
  const steps = after({ ...vector, dims }).map((step): Piece => ({ op: "step", step }));
  return emit(call, vector, [{ op: "dense", weights }, ...steps], dims);
}

/** Weights (M, K) of a flat picture, in the order in which the graph has its elements. */
function inOrderOf(call: Call, constant: Constant, picture: Pictured): Constant {
  const places = placesOf(picture);
  call.sink.spend((constant.grid ? 3 : 1) * constant.data.length);
  const move = (data: Float64Array) => data.map((_, i) => data[i - (i % places.length) + places[i % places.length]!]!);
  const { grid } = constant;
  const moved = grid && { ...grid, codes: move(grid.codes), scale: move(grid.scale) };
  return { ...constant, data: move(constant.data), ...(moved && { grid: moved }) };
}

// Per-element functions

type Arithmetic = "add" | "sub" | "rsub" | "mul" | "div" | "rdiv" | "pow";

/** `right`: the step where the constant is the right operand; `left`: where it is the left one. */
function arithmetic(call: Call, right: Arithmetic, left: Arithmetic | undefined): Value {
  const [a, b] = [operand(call, 0), operand(call, 1)];
  refuseIntegers(a, b);
  if (a.kind === "constant" && b.kind === "constant") {
    const swap = right === "mul" && (b.grid !== undefined || b.data.length > a.data.length); // s · W as W · s keeps the grid
    const [x, y] = swap ? [b, a] : [a, b];
    const whole = enlarge(call, x, y.dims);
    const result = apply(call, whole, [{ kind: right, by: spread(call, y, whole) }]);
    if (right === "div" && a.integer && b.integer) return { ...result, data: result.data.map(Math.trunc) };
    return { ...result, integer: a.integer && b.integer };
  }
  if (b.kind === "constant") return apply(call, a, [{ kind: right, by: spread(call, b, a) }]);
  if (a.kind === "constant") {
    if (!left) throw new Refusal("its exponent is data", "a constant exponent");
    return apply(call, b, [{ kind: left, by: spread(call, a, b) }]);
  }
  if (right === "add") return joined(call, "add", a, b, call.output);
  throw new Refusal("both operands are data", "one data operand and a constant, or Add");
}

/** Data of an integer type: what wraps around or truncates there is another function than that of real numbers. */
function refuseIntegers(...operands: (Data | Constant)[]): void {
  if (!operands.some((each) => each.kind === "data" && each.integer)) return;
  throw new Refusal(
    "it computes in the input's integer type, which wraps around and truncates",
    "a Cast to FLOAT before it",
  );
}

function negate(call: Call): Value {
  const x = operand(call, 0);
  refuseIntegers(x);
  return apply(call, x, [{ kind: "mul", by: vector(-1) }]);
}

/** Of data and constants; several data operands only have a maximum. */
function extremum(call: Call, kind: "min" | "max"): Value {
  const operands = call.inputs.map((_, i) => operand(call, i));
  if (operands.length === 0) throw new CheckpointError(`${call.opType} "${call.name}": no inputs`);
  const [first, ...others] = operands.filter((x) => x.kind === "data");
  const constants = operands.filter((x) => x.kind === "constant");
  if (first === undefined) {
    const whole = constants.reduce((x, other) => enlarge(call, x, other.dims));
    return apply(call, whole, stepsOf(constants.slice(1), whole));
  }
  if (others.length > 0 && kind === "min") {
    throw new Refusal("several operands are data", "one data operand and constants, or Max instead of Min");
  }
  const greatest = others.reduce((a, b, i) => {
    const isLast = i === others.length - 1 && constants.length === 0;
    return joined(call, "maximum", a, b, isLast ? call.output : call.sink.fresh(`${call.output}_${i}`));
  }, first);
  return apply(call, greatest, stepsOf(constants, greatest));

  function stepsOf(bounds: readonly Constant[], x: Data | Constant): Step[] {
    return bounds.map((bound): Step => ({ kind, by: spread(call, bound, x) }));
  }
}

/** Adds the sum or the maximum of two data operands, as the value `output`. */
function joined(
  { name, opType, sink }: Call,
  op: "add" | "maximum",
  { quantized: _, ...a }: Data,
  b: Data,
  output: string,
): Data {
  if (shapeText(a.dims) !== shapeText(b.dims) || `${a.picture?.axes}` !== `${b.picture?.axes}`) {
    throw new Refusal(`its operands have shapes ${shapeText(a.dims)} and ${shapeText(b.dims)}`, "equal shapes");
  }
  if (a.integer !== b.integer) throw new CheckpointError(`${opType} "${name}": operands of different types`);
  const channels = channelsOf(a);
  sink.spend(channels);
  const node: Node = { op, name, inputs: [a.value, b.value], output, channels };
  sink.nodes.push(node);
  sink.makers.set(output, node);
  return { ...a, value: output };
}

/** Bounds are attributes before operator set 11, inputs since; each may be absent. */
function clip(call: Call): Value {
  const x = operand(call, 0);
  const bound = (name: string, index: number): number | undefined =>
    call.inputs[index] ? scalar(call, constantOperand(call, index, name), name) : call.attributes.float(name);
  return apply(call, x, bounds(bound("min", 1), bound("max", 2)));
}

function hardTanh(call: Call): Value {
  const { attributes } = call;
  return apply(call, operand(call, 0), bounds(attributes.float("min_val") ?? -1, attributes.float("max_val") ?? 1));
}

function bounds(min: number | undefined, max: number | undefined): Step[] {
  const steps: Step[] = [];
  if (min !== undefined) steps.push({ kind: "max", by: vector(min) });
  if (max !== undefined) steps.push({ kind: "min", by: vector(max) });
  return steps;
}

/** Attribute `epsilon` is an f32; so is its default. */
const DEFAULT_EPSILON = Math.fround(1e-5);

function batchNormalization(call: Call): Value {
  const x = dataOperand(call, 0);
  if (
    call.attributes.int("training_mode") ||
    call.attributes.int("is_test") === 0 ||
    call.attributes.int("spatial") === 0
  ) {
    throw new Refusal("it is in training mode, or not per channel", "a model exported for inference");
  }
  if (!hasBatch(x.dims) || x.dims.length < 2) {
    throw new Refusal(`its input has shape ${shapeText(x.dims)}`, "a batch axis, then the channels");
  }
  const trailing = new Array<number>(x.dims.length - 2).fill(1);
  const parameter = (index: number, what: string): Float64Array => {
    const constant = constantOperand(call, index, what);
    return spread(call, { ...constant, dims: [...constant.dims, ...trailing] }, x); // (C, 1, …): channels are axis 1
  };
  const step: Step = {
    kind: "batchnorm",
    gamma: parameter(1, "scale"),
    beta: parameter(2, "bias"),
    mean: parameter(3, "mean"),
    variance: parameter(4, "variance"),
    epsilon: call.attributes.float("epsilon") ?? DEFAULT_EPSILON,
  };
  const bad = step.variance.findIndex((v) => !(v + step.epsilon > 0));
  if (bad >= 0) {
    throw new CheckpointError(
      `BatchNormalization "${call.name}": variance ${step.variance[bad]} + epsilon ${step.epsilon} at channel ${bad}, expected > 0`,
    );
  }
  return apply(call, x, [step]);
}

// Shapes

function reshape(call: Call): Value {
  const x = operand(call, 0);
  const target = constantOperand(call, 1, "shape");
  if (target.data.length > MAX_AXES) throw new Refusal(`${target.data.length} axes`, `at most ${MAX_AXES}`);
  if (call.attributes.int("allowzero") && target.data.includes(0)) throw new Refusal("a size is 0", "sizes above 0");
  const dims = reshapeDims(x.dims, x.kind === "data" ? x.batch : undefined, [...target.data]);
  const picture = dims && x.kind === "data" && !x.picture ? pictureOf(rowShape(dims)) : undefined;
  if (dims && x.kind === "data" && picture && call.sink.takeAsPicture(x.value, rowShape(dims), picture)) {
    return { ...x, dims, picture };
  }
  return reshaped(x, dims);
}

function flatten(call: Call): Value {
  const x = operand(call, 0);
  const rank = x.dims.length;
  const axis = call.attributes.int("axis") ?? 1;
  const split = axis === rank ? rank : axisOf(call, axis, rank);
  if (x.kind === "constant") return reshaped(x, [elements(x.dims.slice(0, split)), elements(x.dims.slice(split))]);
  const merged = hasBatch(x.dims) && split > 0 && elements(x.dims.slice(1, split)) === 1;
  return reshaped(x, merged ? [Number.NaN, elements(x.dims.slice(split))] : undefined);
}

function squeeze(call: Call): Value {
  const x = operand(call, 0);
  const axes = integers(call, "axes", 1)?.map((axis) => axisOf(call, axis, x.dims.length));
  const wrong = axes?.find((axis) => x.dims[axis] !== 1);
  if (wrong !== undefined) {
    throw new Refusal(`axis ${wrong} of ${shapeText(x.dims)} has not size 1`, "axes of size 1, without the batch");
  }
  return reshaped(
    x,
    x.dims.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)),
  );
}

function unsqueeze(call: Call): Value {
  const x = operand(call, 0);
  const given = integers(call, "axes", 1);
  if (!given) throw new CheckpointError(`Unsqueeze "${call.name}": axes are missing`);
  const rank = x.dims.length + given.length;
  const axes = given.map((axis) => axisOf(call, axis, rank)).sort((a, b) => a - b);
  const dims = [...x.dims];
  for (const axis of axes) dims.splice(axis, 0, 1);
  return reshaped(x, x.kind === "data" && hasBatch(x.dims) && axes[0] === 0 ? undefined : dims);
}

/** The same elements in the same order under another shape; `dims` undefined where that cannot be. */
function reshaped<V extends Data | Constant>(x: V, dims: number[] | undefined): V {
  if (!dims) {
    throw new Refusal(
      `it moves the batch axis, or does not keep the elements of ${shapeText(x.dims)}`,
      "a shape with the batch first and as many elements per sample",
    );
  }
  if (x.kind === "constant" || !x.picture) return { ...x, dims };
  const { picture, ...vector } = x;
  const found = reshapedPicture(picture, rowShape(dims));
  if (found === "moved") {
    throw new Refusal(
      `it makes ${shapeText(dims)} of pictures ${shapeText(x.dims)}`,
      "a shape that keeps their axes, or one vector",
    );
  }
  return { ...(vector as V), dims, ...(found && { picture: found }) };
}

function transposeOp(call: Call): Value {
  const x = operand(call, 0);
  const rank = x.dims.length;
  const order = call.attributes.ints("perm") ?? x.dims.map((_, axis) => rank - 1 - axis);
  if (order.length !== rank || x.dims.some((_, axis) => !order.includes(axis))) {
    throw new CheckpointError(`Transpose "${call.name}": perm [${order}] of a tensor with ${rank} axes`);
  }
  if (x.kind === "constant") return transposeConstant(call, x, order);
  if (x.picture && !x.picture.flat && hasBatch(x.dims) && order[0] === 0) {
    const picture = transposedPicture(
      x.picture,
      order.slice(1).map((axis) => axis - 1),
    );
    return { ...x, dims: order.map((axis) => x.dims[axis]!), picture };
  }
  const moving = order.filter((axis) => x.dims[axis] !== 1); // moving axes of size 1 changes no order
  if (moving.some((axis, i) => i > 0 && axis < moving[i - 1]!) || (hasBatch(x.dims) && order[0] !== 0)) {
    throw new Refusal("it reorders data", "weights that are stored in the order of the data");
  }
  return { ...x, dims: order.map((axis) => x.dims[axis]!) };
}

// Constants and folded shapes

function constantOp(call: Call): Value {
  const { attributes, output: name } = call;
  const tensor = attributes.tensor("value");
  if (tensor) {
    const read = readTensor(tensor, name);
    call.sink.found(read.data.length);
    return { kind: "constant", name, ...read };
  }
  const one = attributes.float("value_float") ?? attributes.int("value_int");
  const many = attributes.floats("value_floats") ?? attributes.ints("value_ints") ?? (one === undefined ? [] : [one]);
  const integer = attributes.int("value_int") !== undefined || attributes.ints("value_ints") !== undefined;
  if (many.length === 0) throw new Refusal("its value is sparse, text or absent", "a tensor or numbers");
  return constant(name, one === undefined ? [many.length] : [], Float64Array.from(many), integer);
}

function shapeOp(call: Call): Value {
  const { dims } = operand(call, 0);
  const { attributes, output } = call;
  const part = dims.slice(attributes.int("start") ?? 0, attributes.int("end") ?? dims.length);
  return constant(output, [part.length], Float64Array.from(part), true);
}

/** As many equal elements as a shape has; a float 0 if the attribute is left out. */
function constantOfShape(call: Call): Value {
  const dims = sizesOf(foldable(call, 0));
  const tensor = call.attributes.tensor("value");
  const { data, integer } = tensor ? readTensor(tensor, call.output) : { data: vector(0), integer: false };
  call.sink.spend(elements(dims));
  return constant(call.output, dims, new Float64Array(elements(dims)).fill(data[0]!), integer);
}

/** Sizes of axes. */
function sizesOf({ data }: Constant): number[] {
  if (data.length <= MAX_AXES && data.every((size) => Number.isInteger(size) && size >= 0)) return [...data];
  throw new Refusal(`sizes ${shapeText([...data].slice(0, MAX_AXES))}`, `at most ${MAX_AXES} sizes that are known`);
}

function gather(call: Call): Value {
  const x = foldable(call, 0);
  const indices = foldable(call, 1);
  const axis = axisOf(call, call.attributes.int("axis") ?? 0, x.dims.length);
  const picked = [...indices.data].map((index) => axisOf(call, index, x.dims[axis]!));
  const dims = x.dims.toSpliced(axis, 1, ...indices.dims);
  call.sink.spend(elements(dims));
  return constant(x.name, dims, take(x, axis, picked).data, x.integer);
}

/** Starts, ends, axes and steps are attributes before operator set 10 (without steps), inputs since. */
function slice(call: Call): Value {
  const x = operand(call, 0);
  const starts = integers(call, "starts", 1) ?? [];
  const ends = integers(call, "ends", 2) ?? [];
  const given = integers(call, "axes", 3) ?? starts.map((_, i) => i);
  const steps = integers(call, "steps", 4) ?? starts.map(() => 1);
  const lengths = [ends, given, steps].map(({ length }) => length);
  if (lengths.some((length) => length !== starts.length) || steps.includes(0)) {
    throw new Refusal("its bounds do not match", "a start, an end and a step other than 0 per axis");
  }
  const axes = given.map((axis) => axisOf(call, axis, x.dims.length));
  const kept = axes.map((axis, i) => sliced(x.dims[axis]!, starts[i]!, ends[i]!, steps[i]!));
  if (x.kind === "data") return everyNth(call, x, axes, kept);
  if (x.data.length === 0) throw new Refusal("it cuts an empty tensor", "the result, stored in the file");
  call.sink.spend(x.data.length * axes.length);
  return axes.reduce((cut, axis, i) => {
    const { dims, data } = take(cut, axis, kept[i]!);
    return constant(cut.name, dims, data, cut.integer);
  }, x);
}

/** Indices from `start` to before `end`, in steps; both count from the end where negative, and are brought inside. */
function sliced(size: number, start: number, end: number, step: number): number[] {
  const inside = (at: number, least: number, most: number) => Math.min(Math.max(at < 0 ? at + size : at, least), most);
  const [first, last] =
    step > 0
      ? [inside(start, 0, size), inside(end, 0, size)]
      : [inside(start, -1, size - 1), inside(end, -1, size - 1)];
  return Array.from({ length: Math.max(0, Math.ceil((last - first) / step)) }, (_, i) => first + i * step);
}

/** Of constants; of data along their channels. */
function concatOp(call: Call): Value {
  const operands = call.inputs.map((_, i) => operand(call, i));
  const first = operands[0];
  if (!first) throw new CheckpointError(`Concat "${call.name}": no inputs`);
  const axis = axisOf(call, call.attributes.int("axis") ?? 0, first.dims.length);
  const joins = ({ dims }: Data | Constant): boolean =>
    dims.length === first.dims.length && dims.every((size, i) => i === axis || Object.is(size, first.dims[i]));
  const data = operands.filter((each) => each.kind === "data");
  const parts = operands.filter((each) => each.kind === "constant");
  if (data.length > 0 && parts.length > 0) {
    throw new Refusal(
      `it joins constant "${parts[0]!.name}" to data`,
      "data alone; what a layer makes of constants is its bias",
    );
  }
  if (!operands.every(joins)) {
    throw new CheckpointError(
      `Concat "${call.name}": shapes ${operands.map(({ dims }) => shapeText(dims)).join(", ")}`,
    );
  }
  if (data.length > 0) return concatData(call, data, axis);
  call.sink.spend(parts.reduce((sum, part) => sum + part.data.length, 0));
  const { dims, data: joined } = concat(parts, axis);
  return constant(
    parts[0]!.name,
    dims,
    joined,
    parts.every((part) => part.integer),
  );
}

/** Data joined along their channels, by halves: so none is copied more often than it takes. */
function concatData(call: Call, data: readonly Data[], axis: number): Data {
  const first = data[0]!;
  const other = data.find((x) => !isChannelAxis(x, axis));
  if (other) {
    const what = `${other.picture ? "pictures " : ""}${shapeText(other.dims)}`;
    throw new Refusal(`it joins axis ${axis} of ${what}`, "the axis of channels");
  }
  const layoutOf = ({ picture }: Data) => picture && [picture.axes, picture.height, picture.width, picture.flat].join();
  if (!data.every((x) => layoutOf(x) === layoutOf(first))) {
    throw new Refusal("its operands are laid out differently", "the same axes in the same order");
  }
  if (!data.every(({ integer }) => integer === first.integer)) {
    throw new CheckpointError(`Concat "${call.name}": operands of different types`);
  }
  const { name, sink, output } = call;
  const { quantized: _, ...joined } = joinedAll(data, output);
  return joined;

  function joinedAll(parts: readonly Data[], output: string): Data {
    if (parts.length === 1) return parts[0]!;
    const half = Math.ceil(parts.length / 2);
    const a = joinedAll(parts.slice(0, half), sink.fresh(`${output}_0`));
    const b = joinedAll(parts.slice(half), sink.fresh(`${output}_1`));
    const first = channelsOf(a);
    const channels = first + channelsOf(b);
    sink.spend(channels);
    const node: Node = { op: "concat", name, inputs: [a.value, b.value], output, channels, first };
    sink.nodes.push(node);
    sink.makers.set(output, node);
    const dims = a.dims.with(axis, a.dims[axis]! + b.dims[axis]!);
    return { ...a, value: output, dims, ...(a.picture && { picture: { ...a.picture, channels } }) };
  }
}

/** Whether joining along an axis joins channels: the channels of a picture, also in one axis with its positions if they come first, or all of a vector. */
function isChannelAxis({ dims, picture }: Data, axis: number): boolean {
  const first = hasBatch(dims) ? 1 : 0;
  if (picture && !picture.flat) return picture.axes[axis - first] === "c";
  return axis >= first && dims.slice(first, axis).every((size) => size === 1) && (!picture || picture.axes[0] === "c");
}

function foldable(call: Call, index: number): Constant {
  const value = operand(call, index);
  if (value.kind === "data") throw new Refusal("it picks or joins data", "whole vectors: only constants and shapes");
  return value;
}

// Nodes without effect on data

function dropout(call: Call): Value {
  const training = call.inputs[2] && scalar(call, constantOperand(call, 2, "training mode"), "training mode");
  if (training) throw new Refusal("it is in training mode", "a model exported for inference");
  return operand(call, 0);
}

const FLOAT_TYPES: readonly number[] = [DATA_TYPE.FLOAT, DATA_TYPE.DOUBLE];
const INTEGER_TYPES: readonly number[] = [DATA_TYPE.INT32, DATA_TYPE.INT64];

function cast(call: Call): Value {
  const x = operand(call, 0);
  const to = call.attributes.int("to") ?? 0;
  if (FLOAT_TYPES.includes(to)) return { ...x, integer: false };
  if (x.kind === "constant" && INTEGER_TYPES.includes(to)) {
    return constant(x.name, x.dims, x.data.map(Math.trunc), true);
  }
  if (x.kind === "data" && x.integer && INTEGER_TYPES.includes(to)) return x; // inputs of 64 bits are read as 32
  throw new Refusal(`it casts to type ${to}`, "float32 data, quantized by Quant nodes");
}

// Ends

function softmax(call: Call): Value {
  const x = dataOperand(call, 0);
  const axis = axisOf(call, call.attributes.int("axis") ?? (call.opset < 13 ? 1 : -1), x.dims.length);
  // Before operator set 13 it covers all axes from `axis` on, since then only that one.
  const covered = call.opset < 13 ? elements(x.dims.slice(axis)) : x.dims[axis];
  refusePicture(x);
  if (covered !== channelsOf(x)) throw new Refusal(`its axis ${axis} is not the whole row`, "the axis of the features");
  return emit(call, x, [{ op: "softmax" }]);
}

/** Ends are of vectors. */
function refusePicture({ dims, picture }: Data): void {
  if (picture) throw new Refusal(`its input is a picture, ${shapeText(dims)}`, "one vector per sample");
}

function argMax(call: Call): Value {
  const x = dataOperand(call, 0);
  const axis = axisOf(call, call.attributes.int("axis") ?? 0, x.dims.length);
  refusePicture(x);
  if (x.dims[axis] !== channelsOf(x))
    throw new Refusal(`its axis ${axis} is not the whole row`, "the axis of the features");
  if (call.attributes.int("select_last_index")) {
    throw new Refusal("it picks the last of equal values", "select_last_index = 0");
  }
  const dims = (call.attributes.int("keepdims") ?? 1) ? x.dims.with(axis, 1) : x.dims.toSpliced(axis, 1);
  const before = call.sink.makers.get(x.value);
  if (before?.op !== "softmax") return emit(call, x, [{ op: "argmax" }], dims);
  call.sink.notes.push(`ArgMax "${call.name}" reads what Softmax "${before.name}" reads: softmax keeps the order`);
  return emit(call, { ...x, value: before.inputs[0]! }, [{ op: "argmax" }], dims);
}
