import { CheckpointError } from "../../base/errors.ts";
import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import { fixedSoftmaxOf, fixedSoftmaxProblem, MAX_CLASSES } from "../../numbers/fixed_softmax.ts";
import { elementCount, isSameShape, positionCount, shapeText } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { isExtent } from "../window.ts";
import {
  type Call,
  CODES,
  type Codes,
  codesOperand,
  codesResult,
  integersOf,
  optionsOf,
  plainOperand,
  quantizationOf,
  rowOf,
  sameQuantization,
  type Value,
} from "./call.ts";
import { pack, shape } from "./constants.ts";
import { dequantize, logistic, quantize, relu, tanh } from "./elements.ts";
import { checkSums, emitCodes, emitRescale } from "./emit.ts";
import { ROUNDING } from "./kernels.ts";
import { lceConv, lceDequantize, lceMaxPool, lceQuantize } from "./larq.ts";
import { biasOperand, type Filter, factorOf, factorsOf, filterOperand, finishLayer, weightsOf } from "./layer.ts";
import { expandDims, reshape, squeeze, stridedSlice, transpose } from "./moves.ts";
import { averagePool, maxPool, mean } from "./pools.ts";
import type { Table } from "./table.ts";
import { stepsOf, windowOf } from "./window.ts";

/** What each operator becomes in the graph. */
export const OPS: Record<string, (call: Call) => Value> = {
  CONV_2D: conv2d,
  DEPTHWISE_CONV_2D: depthwise,
  FULLY_CONNECTED: fullyConnected,
  AVERAGE_POOL_2D: averagePool,
  MAX_POOL_2D: maxPool,
  MEAN: mean,
  ADD: add,
  CONCATENATION: concatenation,
  PAD: pad,
  RESHAPE: reshape,
  SQUEEZE: squeeze,
  EXPAND_DIMS: expandDims,
  TRANSPOSE: transpose,
  STRIDED_SLICE: stridedSlice,
  SHAPE: shape,
  PACK: pack,
  SOFTMAX: softmax,
  QUANTIZE: quantize,
  DEQUANTIZE: dequantize,
  RELU: relu(1),
  RELU_N1_TO_1: relu(2),
  RELU6: relu(3),
  LOGISTIC: logistic,
  TANH: tanh,
  "CUSTOM LceQuantize": lceQuantize,
  "CUSTOM LceDequantize": lceDequantize,
  "CUSTOM LceBconv2d": lceConv,
  "CUSTOM LceBMaxPool2d": lceMaxPool,
};

/** Filter (M, height, width, channels). */
function conv2d(call: Call): Codes {
  const options = optionsOf(call, 1);
  const input = codesOperand(call, 0, true);
  const filter = filterOperand(call, input, 4, 0);
  const [outputs, kernelHeight, kernelWidth, own] = filter.tensor.shape as [number, number, number, number];
  const window = kernelWindow(options, 4, [kernelHeight, kernelWidth], input);
  const { channels } = input.picture;
  const groups = channels / own;
  if (!Number.isInteger(groups) || outputs % groups !== 0) {
    throw new Refusal(
      `it has ${channels} → ${outputs} channels, and ${own} in a group`,
      "as many channels in each group",
    );
  }
  const activation = options.number(3, "i8");
  return convolution(call, input, filter, { codes: Int32Array.from(filter.codes), window, groups, activation });
}

/** Filter (1, height, width, M): channel m reads channel ⌊m / multiplier⌋. */
function depthwise(call: Call): Codes {
  const options = optionsOf(call, 2);
  const input = codesOperand(call, 0, true);
  const filter = filterOperand(call, input, 4, 3);
  const [one, kernelHeight, kernelWidth, outputs] = filter.tensor.shape as [number, number, number, number];
  const { channels } = input.picture;
  if (one !== 1 || outputs % channels !== 0) {
    throw new CheckpointError(
      `weights "${filter.tensor.name}": [${filter.tensor.shape}], expected [1, height, width, a multiple of ${channels}]`,
    );
  }
  const window = kernelWindow(options, 5, [kernelHeight, kernelWidth], input);
  const taps = kernelHeight * kernelWidth;
  const codes = Int32Array.from(filter.codes, (_, i) => filter.codes[(i % taps) * outputs + Math.floor(i / taps)]!);
  return convolution(call, input, filter, { codes, window, groups: channels, activation: options.number(4, "i8") });
}

/** The window of a kernel, by options of which those of dilation begin at a field. */
function kernelWindow(
  options: Table,
  dilation: number,
  [kernelHeight, kernelWidth]: readonly [number, number],
  { picture, padding }: Codes,
): PaddedWindow {
  const sizes = {
    ...{ kernelHeight, kernelWidth, ...stepsOf(options) },
    dilationX: options.number(dilation, "i32", 1),
    dilationY: options.number(dilation + 1, "i32", 1),
  };
  return windowOf(sizes, picture, padding);
}

/** `codes` are the filter's, (outputs, kernel height, kernel width, channels of a group). */
function convolution(
  call: Call,
  input: Codes,
  filter: Filter,
  {
    codes,
    window,
    groups,
    activation,
  }: { codes: Int32Array; window: PaddedWindow; groups: number; activation: number },
): Codes {
  const { name, fresh, emit } = call;
  const outputs = filter.tensor.shape[filter.axis]!;
  const weights = weightsOf(filter, codes);
  const picture = { ...windowSize(window, input.picture), channels: outputs };
  const bias = biasOperand(call, outputs);
  const single = input.type === "UINT8"; // its kernels have one factor for all channels
  const factors = factorsOf(call, input, filter, picture, { rounding: ROUNDING[call.kernels].convolution, single });
  const sums = fresh(`${name}_sums`);
  emit({ op: "conv2d", name, inputs: [input.value], output: sums, channels: outputs, window, groups, weights });
  return finishLayer(call, sums, picture, { input, weights, bias, factors, activation });
}

/** Weights (M, K) of a whole row, in the order of its elements. */
function fullyConnected(call: Call): Codes {
  const options = optionsOf(call, 8);
  const input = plainOperand(call, 0, false);
  const filter = filterOperand(call, input, 2, 0);
  const [outputs, inputs] = filter.tensor.shape as [number, number];
  if (options.number(1, "i8") !== 0) throw new Refusal("its weights are shuffled", "weights in the default format");
  if (elementCount(input.picture) !== inputs) {
    const why = `its weights have ${inputs} inputs, and a row of its input ${elementCount(input.picture)} elements`;
    throw new Refusal(why, "one vector for each row; CONV_2D with a kernel of 1 × 1 for more");
  }
  const weights = weightsOf(filter, columnsOf(filter.codes, inputs, input.order));
  const picture = { height: 1, width: 1, channels: outputs };
  const bias = biasOperand(call, outputs);
  const single = filter.tensor.scale.length === 1;
  const factors = factorsOf(call, input, filter, picture, { rounding: ROUNDING[call.kernels].fullyConnected, single });
  const sums = call.fresh(`${call.name}_sums`);
  call.emit({ op: "dense", name: call.name, inputs: [input.value], output: sums, channels: outputs, weights });
  return finishLayer(call, sums, picture, { input, weights, bias, factors, activation: options.number(0, "i8") });
}

/** The columns of a matrix of so many in the order of the graph's value, of which `order` is that of the row. */
function columnsOf(codes: Int8Array, columns: number, order: Int32Array | undefined): Int32Array {
  if (!order) return Int32Array.from(codes);
  const ordered = new Int32Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    const column = i % columns;
    ordered[i - column + order[column]!] = codes[i]!;
  }
  return ordered;
}

/** Both operands times 2^20, each by a factor of its own, their sum by a third (`AddElementwise` of reference/integer_ops/add.h). */
function add(call: Call): Codes {
  const { name, fresh, emit } = call;
  const options = optionsOf(call, 11);
  const [a, b] = [plainOperand(call, 0, true), plainOperand(call, 1, true)];
  if (!isSameShape(a.picture, b.picture)) {
    throw new Refusal(`it adds ${shapeText(a.picture)} and ${shapeText(b.picture)}`, "operands of one shape");
  }
  const { scale } = codesResult(call, a.picture);
  const left = 20;
  const twice = 2 * Math.max(a.scale, b.scale);
  const rescale = (operand: Codes) => ({ left, factor: factorOf(operand.scale / twice, ROUNDING[call.kernels].add) });
  const sums = fresh(`${name}_sums`);
  const { channels } = a.picture;
  const inputs = [a.value, b.value];
  emit({ op: "add", name, inputs, output: sums, channels, rescale: [rescale(a), rescale(b)] });
  const factors = [factorOf(twice / (2 ** left * scale), ROUNDING[call.kernels].add)];
  checkSums(Float64Array.of(2 * 255 * 2 ** (left - 1)), factors);
  const scaled = emitRescale(call, sums, channels, factors);
  return emitCodes(call, scaled, a.picture, options.number(0, "i8"), "ROUND");
}

/** Along the channels. */
function concatenation(call: Call): Codes {
  const { name, fresh, emit } = call;
  const options = optionsOf(call, 10);
  const operands = call.inputs.map((_, i) => plainOperand(call, i, true));
  const [first, ...others] = operands;
  if (!first) throw new CheckpointError(`operator "${name}" has no operands, expected some`);
  const axis = options.number(0, "i32");
  const axes = first.row.length + 1;
  if (axis !== axes - 1 && axis !== -1)
    throw new Refusal(`it joins along axis ${axis}`, `along the channels, axis ${axes - 1}`);
  if (options.number(1, "i8") !== 0) throw new Refusal("it has a fused activation", "none");
  for (const operand of operands) sameQuantization(call, operand);
  let { value, picture } = first;
  for (const [i, other] of others.entries()) {
    if (other.picture.height !== picture.height || other.picture.width !== picture.width) {
      throw new Refusal(`it joins ${shapeText(picture)} and ${shapeText(other.picture)}`, "as many positions of each");
    }
    const channels = picture.channels + other.picture.channels;
    const output = i === others.length - 1 ? call.value : fresh(`${name}_joined`);
    emit({ op: "concat", name, inputs: [value, other.value], output, channels, first: picture.channels });
    [value, picture] = [output, { ...picture, channels }];
  }
  return { ...codesResult(call, picture), value };
}

/** Zeros around a picture: rows and columns alone. */
function pad(call: Call): Codes {
  const input = plainOperand(call, 0, true);
  const paddings = integersOf(call, 1, "paddings");
  const [top, bottom, left, right] = paddings.slice(2, 6) as [number, number, number, number];
  const isPlain = paddings.length === 8 && paddings.every((size) => isExtent(size, 0));
  if (!isPlain || [0, 1, 6, 7].some((i) => paddings[i] !== 0)) {
    throw new Refusal(`its paddings are [${paddings.slice(0, 16)}]`, "[0, 0, top, bottom, left, right, 0, 0]");
  }
  sameQuantization(call, input);
  const { height, width, channels } = input.picture;
  const row = rowOf(call.output);
  const expected = [height + top + bottom, width + left + right, channels];
  if (String(row) !== String(expected)) {
    throw new CheckpointError(`operator "${call.name}": its result is [${row}], expected [${expected}]`);
  }
  return { ...input, padding: { top, bottom, left, right } };
}

/** Hosts compute it, in fixed point, from the codes. */
function softmax(call: Call): Value {
  const { name, emit, output } = call;
  const input = plainOperand(call, 0, false);
  const { picture, row, order } = input;
  if (positionCount(picture) > 1 || row.at(-1) !== picture.channels) {
    throw new Refusal(`it is computed over [${row}]`, "over all elements of a row");
  }
  if (picture.channels > MAX_CLASSES) throw new Refusal(`it has ${picture.channels} classes`, `at most ${MAX_CLASSES}`);
  const { type, scale, zero } = quantizationOf(output);
  const [min] = CODES[type];
  if (scale !== 1 / 256 || zero !== min) {
    const why = `its codes have scale ${scale} and zero point ${zero}`;
    throw new Refusal(why, `1/256 and ${min}, which is what its kernel makes`);
  }
  const fixed = fixedSoftmaxOf(input.scale, optionsOf(call, 9).number(0, "f32"));
  const problem = fixedSoftmaxProblem(fixed);
  if (problem) throw new Refusal(`its constants in fixed point are not ${problem}`, "a scale and a beta above 0");
  emit({ op: "softmax", name, inputs: [input.value], output: call.value, channels: picture.channels, fixed });
  return { kind: "real", value: call.value, row, picture, order };
}
