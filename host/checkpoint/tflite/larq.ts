import { CheckpointError } from "../../base/errors.ts";
import type { Weights } from "../../graph/ops/weights.ts";
import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import { ROUND } from "../../numbers/round.ts";
import type { Picture } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { shortest } from "../weights.ts";
import {
  type Call,
  CODES,
  type Codes,
  codesOperand,
  codesResult,
  constantOperand,
  type Real,
  type Signs,
  type Value,
} from "./call.ts";
import { ACTIVATIONS, emitCodes, emitStep } from "./emit.ts";
import { readFlexMap } from "./flexbuffer.ts";
import { VALID, windowOf } from "./window.ts";

// Larq Compute Engine's own operators (github.com/larq/compute-engine, tflite/kernels and core/bconv2d): ±1 in bits along the channels, 32 to a word, the first
// in the lowest bit, 1 for −1. A convolution counts bits that differ, a of K; the sum of products is K − 2a.

const WORD = 32;

/** The options of an operator. */
function optionsOf(call: Call): { number(name: string): number; padding(): number } {
  const where = `operator "${call.name}"`;
  const options = call.custom && readFlexMap(call.custom, `${where}, options`);
  if (!options) throw new CheckpointError(`${where}: no options, expected a map of them`);
  const number = (name: string): number => {
    const value = options.get(name);
    if (typeof value === "number") return value;
    throw new CheckpointError(
      `${where}: option "${name}" is ${value === undefined ? "missing" : "a text"}, expected a number`,
    );
  };
  const PADDINGS: Record<string, number> = { SAME: 0, same: 0, VALID, valid: VALID }; // words in older files
  const padding = () => PADDINGS[String(options.get("padding"))] ?? number("padding");
  return { number, padding };
}

function signsOperand({ inputs }: Call): Signs {
  const [value] = inputs;
  if (value?.kind === "signs") return value;
  throw new Refusal("its input is of no bits", "what LceQuantize, LceBconv2d or LceBMaxPool2d make");
}

/** The sign of real numbers, or of codes around their zero point; that of 0 is +1. */
export function lceQuantize(call: Call): Signs {
  const [value] = call.inputs;
  const input: Real | Codes = value?.kind === "real" ? value : codesOperand(call, 0, false);
  return { ...input, kind: "signs", value: emitSigns(call, input.value, input.picture.channels) };
}

function emitSigns(call: Call, input: string, channels: number): string {
  const quantizer = { kind: "bipolar", scale: Float64Array.of(1) } as const;
  call.emit({ op: "quantize", name: call.name, inputs: [input], output: call.value, channels, quantizer });
  return call.value;
}

/** ±1 as real numbers; or as the two codes next to them. */
export function lceDequantize(call: Call): Value {
  const input = signsOperand(call);
  if (call.output.type === "FLOAT32") return { ...input, kind: "real" };
  const { channels } = input.picture;
  const { type, scale, zero } = codesResult(call, input.picture);
  const [min, max] = CODES[type];
  const offset = ROUND.HALF_UP(Math.fround(1 / scale));
  const [low, high] = [Math.max(min, zero - offset) - zero, Math.min(max, zero + offset) - zero];
  const wide = emitStep(call, input.value, channels, { kind: "mul", by: Float64Array.of((high - low) / 2) });
  const moved = emitStep(call, wide, channels, { kind: "add", by: Float64Array.of((high + low) / 2) });
  return { ...emitCodes(call, moved, input.picture, 0, "ROUND"), row: input.row };
}

export function lceMaxPool(call: Call): Signs {
  const input = signsOperand(call);
  const options = optionsOf(call);
  const sizes = {
    ...{ kernelHeight: options.number("filter_height"), kernelWidth: options.number("filter_width") },
    ...{
      strideY: options.number("stride_height"),
      strideX: options.number("stride_width"),
      padding: options.padding(),
    },
  };
  const { picture } = input;
  const window = windowOf(sizes, picture);
  const { channels } = picture;
  call.emit({ op: "maxpool", name: call.name, inputs: [input.value], output: call.value, channels, window });
  return signsOf({ ...windowSize(window, picture), channels }, call.value);
}

function signsOf(picture: Picture, value: string): Signs {
  return { kind: "signs", value, picture, row: [picture.height, picture.width, picture.channels] };
}

/** Filters (M, height, width, words): ±1 of as many channels as the options say. */
export function lceConv(call: Call): Value {
  const input = signsOperand(call);
  const options = optionsOf(call);
  const { channels } = input.picture;
  const said = options.number("channels_in");
  if (said !== channels) {
    throw new CheckpointError(`operator "${call.name}": channels_in ${said}, but its input has ${channels} channels`);
  }
  const weights = filterOf(call, channels);
  const [, kernelHeight, kernelWidth] = constantOperand(call, 1, "weights").shape as [number, number, number];
  const sizes = {
    ...{ kernelHeight, kernelWidth, padding: options.padding() },
    ...{ strideY: options.number("stride_height"), strideX: options.number("stride_width") },
    ...{ dilationY: options.number("dilation_height_factor"), dilationX: options.number("dilation_width_factor") },
  };
  const window = windowOf(sizes, input.picture);
  const picture = { ...windowSize(window, input.picture), channels: weights.outputs };
  const isPadded = window.padTop + window.padBottom + window.padLeft + window.padRight > 0;
  const ofOnes = isPadded && options.number("pad_values") === 1;
  const sums = ofOnes ? sumsWithOnes(call, input, weights, window) : sumsOf(call, input.value, weights, window);
  const activation = options.number("fused_activation_function");
  const { type } = call.output;
  if (type === "FLOAT32") return realResult(call, sums, picture, weights, activation);
  if (isPadded && !ofOnes) throw new Refusal(`it makes ${type} of a picture with zeros around it`, "pad_values of 1");
  if (type === "INT32") return signsResult(call, sums, picture, weights);
  return codesOfSums(call, sums, picture, weights, activation);
}

function filterOf(call: Call, channels: number): Weights {
  const { name, shape, type, data } = constantOperand(call, 1, "weights");
  const [outputs = 0, height = 0, width = 0, words] = shape;
  const needed = Math.ceil(channels / WORD);
  const count = outputs * height * width * channels;
  if (
    type !== "INT32" ||
    shape.length !== 4 ||
    words !== needed ||
    data.length !== 4 * outputs * height * width * needed ||
    count === 0
  ) {
    const found = `${data.length} bytes of ${type}, [${shape.join(", ")}]`;
    throw new CheckpointError(
      `weights "${name}": ${found}, expected int32 [outputs, height, width, ${needed}] for ${channels} channels`,
    );
  }
  call.spend(count);
  const view = new DataView(data.buffer, data.byteOffset);
  const codes = Int32Array.from({ length: count }, (_, i) => {
    const [tap, c] = [Math.floor(i / channels), i % channels];
    const word = view.getUint32(4 * (tap * needed + Math.floor(c / WORD)), true);
    return (word >>> (c % WORD)) & 1 ? -1 : 1;
  });
  return {
    name,
    outputs,
    inputs: height * width * channels,
    codes,
    scale: Float64Array.of(1),
    found: "integers",
    bits: 1,
  };
}

function sumsOf({ name, fresh, emit }: Call, input: string, weights: Weights, window: PaddedWindow): string {
  const sums = fresh(`${name}_sums`);
  const channels = weights.outputs;
  emit({ op: "conv2d", name, inputs: [input], output: sums, channels, window, groups: 1, weights });
  return sums;
}

/** Ones around the picture: of bits b = (1 − s) / 2 they are zeros, and the sum of w · s is that of w less twice that of w · b. */
function sumsWithOnes(call: Call, input: Signs, weights: Weights, window: PaddedWindow): string {
  const { name, fresh, emit } = call;
  const { channels } = input.picture;
  const halves = emitStep(call, input.value, channels, { kind: "mul", by: Float64Array.of(-0.5) });
  const moved = emitStep(call, halves, channels, { kind: "add", by: Float64Array.of(0.5) });
  const bits = fresh(`${name}_bits`);
  const [one, none] = [Float64Array.of(1), Float64Array.of(0)];
  const quantizer = {
    kind: "int",
    scale: one,
    zero: none,
    bits: 1,
    signed: false,
    narrow: false,
    rounding: "ROUND",
  } as const;
  emit({ op: "quantize", name, inputs: [moved], output: bits, channels, quantizer });
  const sums = sumsOf(call, bits, weights, window);
  const { outputs, inputs, codes } = weights;
  const totals = Float64Array.from({ length: outputs }, (_, m) => {
    let total = 0;
    for (let k = 0; k < inputs; k++) total += codes[m * inputs + k]!;
    return total;
  });
  const twice = emitStep(call, sums, outputs, { kind: "mul", by: Float64Array.of(-2) });
  return emitStep(call, twice, outputs, { kind: "add", by: shortest(totals) });
}

/** The numbers of an operand, one for each output channel. */
function perOutput(call: Call, index: number, what: string, type: "FLOAT32" | "INT32", outputs: number): Float64Array {
  const tensor = constantOperand(call, index, what);
  if (tensor.type !== type || tensor.data.length !== 4 * outputs) {
    throw new CheckpointError(
      `${what} "${tensor.name}": ${tensor.data.length} bytes of ${tensor.type}, expected ${outputs} of ${type}`,
    );
  }
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset);
  const read = (i: number) => (type === "INT32" ? view.getInt32(4 * i, true) : view.getFloat32(4 * i, true));
  const numbers = Float64Array.from({ length: outputs }, (_, i) => read(i));
  const bad = numbers.findIndex((x) => !Number.isFinite(x));
  if (bad < 0) return numbers;
  throw new CheckpointError(`${what} "${tensor.name}": element ${bad} is ${numbers[bad]}, expected a finite number`);
}

/** Bits: of a that differ, −1 where a > its threshold. */
function signsResult(call: Call, sums: string, picture: Picture, { outputs, inputs: K }: Weights): Signs {
  const thresholds = perOutput(call, 4, "thresholds", "INT32", outputs);
  const least = thresholds.map((t) => K - 2 * Math.min(Math.max(t, -1), K));
  const above = emitStep(call, sums, outputs, { kind: "sub", by: shortest(least) });
  return signsOf(picture, emitSigns(call, above, outputs));
}

function affineOf(call: Call, outputs: number) {
  const multiplier = perOutput(call, 2, "multipliers", "FLOAT32", outputs);
  return { multiplier, bias: perOutput(call, 3, "biases", "FLOAT32", outputs) };
}

function clampOf(activation: number): { min: number; max: number } {
  const clamp = ACTIVATIONS[activation];
  if (clamp) return clamp;
  throw new Refusal(`its fused activation is number ${activation}`, "NONE, RELU, RELU6 or RELU_N1_TO_1");
}

function realResult(call: Call, sums: string, picture: Picture, { outputs }: Weights, activation: number): Real {
  const { multiplier, bias } = affineOf(call, outputs);
  const { min, max } = clampOf(activation);
  let value = sums;
  if (min > -Infinity) value = emitStep(call, value, outputs, { kind: "max", by: Float64Array.of(min) });
  if (max < Infinity) value = emitStep(call, value, outputs, { kind: "min", by: Float64Array.of(max) });
  value = emitStep(call, value, outputs, { kind: "mul", by: shortest(multiplier) });
  value = emitStep(call, value, outputs, { kind: "add", by: shortest(bias) });
  return { kind: "real", value, picture, row: [picture.height, picture.width, outputs] };
}

/**
 * Codes: 2a, clamped, times a multiplier, plus a bias, in f32, rounded (`OutputTransform<std::int8_t>`). For each channel that is a function of one integer: it is
 * computed for all of them, and becomes the bounds between its codes.
 */
function codesOfSums(
  call: Call,
  sums: string,
  picture: Picture,
  { outputs, inputs: K }: Weights,
  activation: number,
): Codes {
  const { fround } = Math;
  const { multiplier, bias } = affineOf(call, outputs);
  const { scale, zero, type } = codesResult(call, picture);
  const [min, max] = CODES[type];
  const clamp = clampOf(activation);
  const [least, most] = [K - Math.min(clamp.max, K), K - Math.max(clamp.min, -K)];
  call.spend(outputs * K);
  const direction = multiplier.map((m) => (m < 0 ? -1 : 1));
  const first = new Float64Array(outputs);
  const found = Array.from({ length: outputs }, (_, m) => {
    const factor = fround(-multiplier[m]! / scale);
    const offset = fround((bias[m]! + K * multiplier[m]!) / scale + zero);
    const codeOf = (s: number) => {
      const twice = Math.max(Math.min(K - s, most), least);
      const code = ROUND.HALF_UP(fround(fround(twice * factor) + offset));
      return Math.min(Math.max(code, min), max);
    };
    // sums in the direction in which codes rise
    first[m] = codeOf(-K * direction[m]!);
    const steps: number[] = [];
    for (let rising = -K; rising <= K; rising += 2) {
      while (first[m]! + steps.length < codeOf(rising * direction[m]!)) steps.push(rising);
    }
    return steps;
  });
  const count = Math.max(...found.map((steps) => steps.length));
  const bounds = Array.from({ length: count }, (_, j) => Float64Array.from(found, (steps) => steps[j] ?? K + 2));
  const rising = direction.includes(-1) ? emitStep(call, sums, outputs, { kind: "mul", by: direction }) : sums;
  const counted = emitStep(call, rising, outputs, { kind: "count", bounds });
  const codes = emitStep(call, counted, outputs, { kind: "add", by: shortest(first.map((code) => code - zero)) });
  return emitCodes(call, codes, picture, 0, "ROUND");
}
