import { ROUND } from "../../numbers/round.ts";
import { Refusal } from "../refusal.ts";
import {
  type Call,
  CODES,
  type Codes,
  codesResult,
  plainOperand,
  type Real,
  sameQuantization,
  type Value,
} from "./call.ts";
import { checkSums, dequantizeNode, emitCodes, emitQuantize, emitRescale, emitStep } from "./emit.ts";
import { ROUNDING } from "./kernels.ts";
import { factorOf } from "./layer.ts";

// Operators that make each element of the result of one of the operand's.

/** A result in the shape and the order of its operand. */
function sameElements(result: Codes, { row, order }: Codes | Real): Codes {
  return { ...result, row, order };
}

/** Of floats, as an input is; or of codes, which get another scale. */
export function quantize(call: Call): Codes {
  const [value] = call.inputs;
  if (value?.kind === "real") {
    const result = codesResult(call, value.picture);
    emitQuantize(call, value.value, value.picture.channels, call.value, result);
    return sameElements(result, value);
  }
  const input = plainOperand(call, 0, false);
  return requantized(call, input, input.scale / codesResult(call, input.picture).scale, 0);
}

/** Codes times a factor, clamped by an activation. */
function requantized(call: Call, input: Codes, factor: number, activation: number): Codes {
  const factors = [factorOf(factor, ROUNDING[call.kernels].requantize)];
  checkSums(Float64Array.of(255), factors);
  const scaled = emitRescale(call, input.value, input.picture.channels, factors);
  return sameElements(emitCodes(call, scaled, input.picture, activation, "ROUND"), input);
}

export function dequantize(call: Call): Value {
  const [value] = call.inputs;
  if (value?.kind === "real") return value; // of a softmax
  const input = plainOperand(call, 0, false);
  call.emit(dequantizeNode(call.name, input, call.value));
  return { ...input, kind: "real", value: call.value };
}

/** The number of an activation. */
const RELU6 = 3;

/** An activation by its number (emit.ts), standing alone: the quotient of the scales is rounded to f32 (`ReluPrepare`). */
export function relu(activation: number): (call: Call) => Codes {
  return (call) => {
    const input = plainOperand(call, 0, false);
    const { scale } = codesResult(call, input.picture);
    if (call.kernels === "tflm" && activation === RELU6) sameQuantization(call, input); // its kernel only clamps
    return requantized(call, input, Math.fround(input.scale / scale), activation);
  };
}

/** A function of real numbers that never falls, in f32 as `LUTPopulate` computes its table of codes. */
function tabled(call: Call, f: (x: number) => number): Codes {
  const { fround } = Math;
  const input = plainOperand(call, 0, false);
  const { picture } = input;
  const { scale, zero, type } = codesResult(call, picture);
  const [min, max] = CODES[type];
  const inverse = fround(1 / scale);
  if (inverse === Infinity) throw new Refusal(`its codes have scale ${scale}`, "a scale whose inverse f32 holds");
  const codes = Array.from({ length: max - min + 1 }, (_, i) => {
    const x = fround(input.scale * (min + i - input.zero));
    return Math.min(Math.max(ROUND.HALF_UP(fround(f(x) * inverse)) + zero, min), max);
  });
  // how many of the operand's codes it has reached where the result is another code
  const bounds: Float64Array[] = [];
  for (const [i, code] of codes.entries()) {
    while (bounds.length < code - codes[0]!) bounds.push(Float64Array.of(min + i - input.zero));
  }
  const { channels } = picture;
  const counted = emitStep(call, input.value, channels, { kind: "count", bounds });
  const first = emitStep(call, counted, channels, { kind: "add", by: Float64Array.of(codes[0]! - zero) });
  return sameElements(emitCodes(call, first, picture, 0, "ROUND"), input);
}

/** 1 / (1 + e^−x). */
export function logistic(call: Call): Codes {
  const { fround } = Math;
  const { scale } = codesResult(call, plainOperand(call, 0, false).picture);
  if (scale !== 1 / 256) throw new Refusal(`its codes have scale ${scale}`, "1/256, which is what its kernel makes");
  return tabled(call, (x) => fround(1 / fround(1 + fround(Math.exp(-x)))));
}

export function tanh(call: Call): Codes {
  return tabled(call, (x) => Math.fround(Math.tanh(x)));
}
