import type { SoftmaxNode } from "../../graph/ops/softmax.ts";
import type { IntQuantizer, Quantizer } from "../../numbers/quantizer.ts";
import type { Step } from "../../numbers/step.ts";
import { type Call, type Data, operand, type Quantized, requireFinite, type Value } from "./call.ts";
import { apply, emit, type Piece, spread, vector } from "./emit.ts";
import { quantizerOf, settle } from "./pad.ts";
import { dequantizeConstant, linearCodes, linearOperands, linearQuantizer } from "./quant.ts";

/**
 * QuantizeLinear, DequantizeLinear, and the integers between them. What they mean is the real number (q − zero) · scale, and
 * saturate(round(x / scale) + zero): halves to even, the quotient rounded to f32 where x is one (https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html).
 * Behind sums, of which no specification tells the order, the quotient is that of the exact sum.
 */

export function quantizeLinear(call: Call): Value {
  const x = operand(call, 0);
  const quantizer = linearQuantizer(call, (constant) => spread(call, constant, x));
  if (x.kind === "constant") {
    requireFinite(call, x);
    call.sink.spend(5 * x.data.length);
    return linearCodes(x, quantizer);
  }
  const maker = call.sink.makers.get(x.value);
  return maker?.op === "softmax" && !maker.quantizer
    ? roundedSoftmax(call, x, maker, quantizer)
    : quantizedTo(call, x, quantizer);
}

/** A softmax serves outputs alone, so what rounds its numbers is its own. */
function roundedSoftmax(call: Call, x: Data, { inputs }: SoftmaxNode, { single: _, ...quantizer }: IntQuantizer): Data {
  const output = call.sink.fresh(`${call.output}_quantized`);
  const scores: Data = { ...x, value: inputs[0]! };
  return integersFrom(call, emit({ ...call, output }, scores, [{ op: "softmax", quantizer }]), quantizer);
}

export function dequantizeLinear(call: Call): Value {
  const x = operand(call, 0);
  const quantization = linearOperands(call, (constant) => spread(call, constant, x));
  if (x.kind === "data") return realOf(call, x, quantization);
  requireFinite(call, x);
  call.sink.spend(3 * x.data.length);
  return dequantizeConstant(x, quantization.scale, quantization.zero);
}

type Quantization = Pick<Quantized, "scale" | "zero">;

/** The integers that a quantizer makes of data; what it made already, as files have it around each op, it leaves as it is. */
export function quantizedTo(call: Call, x: Data, quantizer: IntQuantizer): Data {
  const made = quantizerOf(call, x.value);
  if (made && isSame(made, quantizer)) return integersFrom(call, x, quantizer);
  const output = call.sink.fresh(`${call.output}_quantized`);
  return integersFrom(call, emit({ ...call, output }, x, [{ op: "quantize", quantizer }]), quantizer);
}

/** Whether what one quantizer made is what the other makes of it. */
function isSame(made: Quantizer, { scale, zero, bits, signed, narrow }: IntQuantizer): boolean {
  if (made.kind !== "int" || made.bits !== bits || made.signed !== signed || made.narrow !== narrow) return false;
  return sameQuantization(made, { scale, zero });
}

export function sameQuantization(a: Quantization, b: Quantization): boolean {
  return sameVector(a.scale, b.scale) && sameVector(a.zero, b.zero);
}

function sameVector(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** The integers of which (q − zero) · scale is given. */
function integersFrom(call: Call, real: Data, { scale, zero }: Quantization): Data {
  const output = call.sink.fresh(`${call.output}_codes`);
  const codes = emit({ ...call, output }, real, [pieceOf({ kind: "div", by: scale })]);
  return { ...codes, integer: true, quantized: { real: real.value, scale, zero } };
}

/** (q − zero) · scale of integers of data: codes, where a quantizer or the network's input made them. */
export function realOf(call: Call, x: Data, { scale, zero }: Quantization): Data {
  const { quantized, integer: _, ...real } = x;
  if (quantized && sameQuantization(quantized, { scale, zero })) return { ...real, value: quantized.real };
  const difference: Step[] = isZero(zero) ? [] : [{ kind: "sub", by: zero }];
  const product: Step = { kind: "mul", by: scale };
  if (!x.stored) {
    const { integer: __, ...result } = apply(call, integersOf(call, x), [...difference, product]);
    return result;
  }
  const quantizer: IntQuantizer = {
    ...x.stored,
    kind: "int",
    scale: vector(1),
    zero,
    narrow: false,
    rounding: "ROUND",
    roundsFirst: true,
  };
  return emit(call, real, [...difference.map(pieceOf), { op: "quantize", quantizer }, pieceOf(product)]);
}

/** Integers as they are, for ops that do not know of codes. */
export function integersOf(call: Pick<Call, "name" | "sink">, x: Data): Data {
  const { quantized, ...codes } = x;
  if (!quantized || isZero(quantized.zero)) return codes;
  const output = call.sink.fresh(`${x.value}_integers`);
  return emit({ ...call, output }, codes, [pieceOf({ kind: "add", by: quantized.zero })]);
}

/** Data for an op that takes no zeros of a Pad around them, or no codes for integers. */
export function prepared(call: Call, x: Data, takesPadding: boolean, takesCodes: boolean): Data {
  const { quantized, ...real } = x;
  const settles = x.padded && !takesPadding;
  if (settles && !quantized) return settle(call, x);
  const whole =
    settles && quantized ? integersFrom(call, settle(call, { ...real, value: quantized.real }), quantized) : x;
  return takesCodes ? whole : integersOf(call, whole);
}

/** An op that does no more than pick numbers: of integers it picks their codes. */
export function picked(op: (call: Call) => Value): (call: Call) => Value {
  return (call) => {
    const [x, ...others] = call.inputs;
    if (x?.kind !== "data" || !x.quantized) return op(call);
    const { quantized, integer: _, ...codes } = x;
    const of = (value: string, kind: string): Data => {
      const output = call.sink.fresh(`${call.output}_${kind}`);
      return op({ ...call, inputs: [{ ...codes, value }, ...others], output }) as Data;
    };
    const real = of(quantized.real, "quantized").value;
    return { ...of(x.value, "codes"), integer: true, quantized: { ...quantized, real } };
  };
}

function isZero(zero: Float64Array): boolean {
  return zero.every((z) => z === 0);
}

function pieceOf(step: Step): Piece {
  return { op: "step", step };
}
