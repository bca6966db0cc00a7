import type { Node } from "../../graph/graph.ts";
import { type FixedFactor, MAX_SHIFT } from "../../numbers/fixed_point.ts";
import type { IntQuantizer } from "../../numbers/quantizer.ts";
import { ROUND } from "../../numbers/round.ts";
import type { Step } from "../../numbers/step.ts";
import type { Picture } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { shortest } from "../weights.ts";
import { type Call, CODES, type Codes, codesResult, type Quantization } from "./call.ts";

/** Adds a step that makes `input` another value, of so many channels. Returns its name. */
export function emitStep(call: Call, input: string, channels: number, step: Step): string {
  const output = call.fresh(`${call.name}_${step.kind}`);
  call.emit({ op: "step", name: call.name, inputs: [input], output, channels, step });
  return output;
}

/** Integers times a factor for each channel, or one for all. */
export function emitRescale(call: Call, input: string, channels: number, factors: readonly FixedFactor[]): string {
  const vector = (of: (factor: FixedFactor) => number) => shortest(Float64Array.from(factors, of));
  return emitStep(call, input, channels, {
    kind: "rescale",
    multiplier: vector(({ multiplier }) => multiplier),
    shift: vector(({ shift }) => shift),
    rounding: factors[0]!.rounding,
  });
}

/** Fused activations by their number in the schema: the real numbers that they clamp to. */
export const ACTIVATIONS: Record<number, { name: string; min: number; max: number } | undefined> = {
  0: { name: "NONE", min: -Infinity, max: Infinity },
  1: { name: "RELU", min: 0, max: Infinity },
  2: { name: "RELU_N1_TO_1", min: -1, max: 1 },
  3: { name: "RELU6", min: 0, max: 6 },
};

/** The codes q of the result in the graph: rounded numbers, each with the zero point added, and clamped by the operator's fused activation. */
export function emitCodes(
  call: Call,
  input: string,
  picture: Picture,
  activation: number,
  rounding: "ROUND" | "HALF_UP",
): Codes {
  const result = codesResult(call, picture);
  const { type, scale, zero } = result;
  const { channels } = picture;
  const [least, greatest] = CODES[type];
  const clamp = ACTIVATIONS[activation];
  if (!clamp) throw new Refusal(`its fused activation is number ${activation}`, "NONE, RELU, RELU6 or RELU_N1_TO_1");
  const code = (x: number) => zero + ROUND.HALF_UP(Math.fround(x / scale)); // CalculateActivationRangeQuantized
  const [min, max] = [Math.max(least, code(clamp.min)), Math.min(greatest, code(clamp.max))];
  let value = input;
  if (min > least) value = emitStep(call, value, channels, { kind: "max", by: Float64Array.of(min - zero) });
  if (max < greatest) value = emitStep(call, value, channels, { kind: "min", by: Float64Array.of(max - zero) });
  const quantizer = quantizerOf({ type, scale: 1, zero }, rounding);
  call.emit({ op: "quantize", name: call.name, inputs: [value], output: call.value, channels, quantizer });
  return result;
}

function quantizerOf({ type, scale, zero }: Quantization, rounding: IntQuantizer["rounding"]): IntQuantizer {
  const [one, other] = [Float64Array.of(scale), Float64Array.of(zero)];
  return { kind: "int", scale: one, zero: other, bits: 8, signed: type === "INT8", narrow: false, rounding };
}

/** Real numbers become codes as QUANTIZE has it: x / scale in f32, rounded, ties away from 0, and the zero point added. Their scale in the graph is 1. */
export function emitQuantize(
  { name, fresh, emit }: Pick<Call, "name" | "fresh" | "emit">,
  input: string,
  channels: number,
  output: string,
  quantization: Quantization,
): void {
  const quantized = fresh(`${output}_quantized`);
  const quantizer = { ...quantizerOf(quantization, "HALF_UP"), roundsFirst: true, single: true };
  emit({ op: "quantize", name, inputs: [input], output: quantized, channels, quantizer });
  const step: Step = { kind: "div", by: Float64Array.of(quantization.scale) };
  emit({ op: "step", name, inputs: [quantized], output, channels, step });
}

/** The node that makes real numbers of codes. */
export function dequantizeNode(name: string, { value, scale, picture }: Codes, output: string): Node {
  const step: Step = { kind: "mul", by: Float64Array.of(scale) };
  return { op: "step", name, inputs: [value], output, channels: picture.channels, step };
}

/** Refuses sums of which one times 2^shift might leave 32 bits, where the interpreter's would wrap. */
export function checkSums(bounds: Float64Array, factors: readonly FixedFactor[]): void {
  for (const [m, bound] of bounds.entries()) {
    const { shift } = factors[factors.length === 1 ? 0 : m]!;
    const fits = shift <= MAX_SHIFT && bound * 2 ** Math.max(shift, 0) < 2 ** 31 - 1;
    if (fits) continue;
    const why = `output channel ${m} sums to ±${bound}, which times 2^${shift} leaves 32 bits`;
    throw new Refusal(why, "an output scale that is not so far below that of the sums, or fewer inputs");
  }
}
