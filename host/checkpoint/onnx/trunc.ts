import type { Rounding } from "../../numbers/round.ts";
import { Refusal } from "../refusal.ts";
import { type Call, constantOperand, dataOperand, scalar, type Value } from "./call.ts";
import { emit, spread, vector } from "./emit.ts";
import { flag, MAX_ACTIVATION_BITS, roundingOf } from "./quant.ts";

/**
 * `Trunc(x, scale, zeropt, in_bits, out_scale, out_bits)`, or without `out_scale` in version 1: the integers round(x / scale), divided by a power of two and
 * rounded (qonnx, `custom_op/general/trunc.py`). Version 2 clamps them to `out_bits` and gives them `out_scale`; version 1 does not, and keeps `scale`.
 */
export function trunc(call: Call): Value {
  const x = dataOperand(call, 0);
  const operand = (index: number, what: string) => constantOperand(call, index, what);
  const scale = spread(call, operand(1, "scale"), x);
  const isFirst = call.inputs.length < 6;
  const zero = scalar(call, operand(2, "zero point"), "zero point");
  const [from, to] = [3, isFirst ? 4 : 5].map((index) => scalar(call, operand(index, "bit width"), "bit width")) as [
    number,
    number,
  ];
  if (zero !== 0) throw new Refusal(`its zero point is ${zero}`, "zero point 0");
  if (![from, to].every((bits) => Number.isInteger(bits) && bits >= 1 && bits <= MAX_ACTIVATION_BITS)) {
    throw new Refusal(`from ${from} bits to ${to}`, `1 to ${MAX_ACTIVATION_BITS} bits`);
  }
  const [unit, outUnit] = [scale[0]!, isFirst ? scale[0]! : scalar(call, operand(4, "output scale"), "output scale")];
  if (scale.length > 1 || !(unit > 0 && outUnit > 0)) {
    throw new Refusal("its scales are several, or not above 0", "one scale above 0, and one of its output");
  }
  const divisor = 2 ** (isFirst ? from - to : Math.round(Math.log2(outUnit / unit)));
  const code = { kind: "int", zero: vector(0) } as const;
  const whole = {
    ...code,
    scale: vector(1),
    bits: WHOLE_BITS,
    signed: true,
    narrow: false,
    rounding: "ROUND" as Rounding,
  };
  const cut = {
    ...code,
    scale: vector(divisor),
    ...(isFirst
      ? { bits: WHOLE_BITS, signed: true, narrow: false }
      : { bits: to, signed: flag(call, "signed"), narrow: flag(call, "narrow") }),
    rounding: roundingOf(call, "FLOOR"),
  };
  return emit(call, x, [
    { op: "step", step: { kind: "div", by: scale } },
    { op: "quantize", quantizer: whole },
    { op: "quantize", quantizer: cut },
    { op: "step", step: { kind: "mul", by: vector(outUnit / divisor) } },
  ]);
}

/** Integers that are not clamped. */
const WHOLE_BITS = 32;
