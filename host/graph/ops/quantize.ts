import { codeRange, type Quantizer, quantize, zeroPoint } from "../../numbers/quantizer.ts";
import { type Form, realNumber } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, refuseNaN, vectorProblem } from "./meaning.ts";

/** Activation quantizer: its output is codes with a scale. */
export interface QuantizeNode extends NodeBase {
  op: "quantize";
  quantizer: Quantizer;
}

/** Quantizers wider than this have codes that no 32-bit integer holds. */
const MAX_BITS = 32;

export const quantizeMeaning: OpMeaning<QuantizeNode> = {
  role: "codes",
  readsCodes: false,
  inputs: 1,
  shape: (_, [input]) => input!,

  problem: ({ quantizer, channels }) => quantizerProblem(quantizer, channels),

  form: ({ quantizer }) => quantizedForm(quantizer),

  evaluate(node, [input], output) {
    refuseNaN(`quantizer "${node.name}"`, input!);
    for (let i = 0; i < output.numbers.length; i++) {
      output.numbers[i] = quantizeElement(node, input!.form, input!.numbers[i]!, i % output.channels);
    }
    return output.numbers;
  },
};

/** What is wrong with the constants of a quantizer of so many channels. */
export function quantizerProblem(quantizer: Quantizer, channels: number): string | undefined {
  const usable = (s: number) => Number.isFinite(s) && s !== 0;
  const scale = vectorProblem("scale", quantizer.scale, channels, usable, "finite numbers other than 0");
  if (scale || quantizer.kind === "bipolar") return scale;
  const { bits, zero } = quantizer;
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= MAX_BITS)) return `${bits} bits, expected 1 to ${MAX_BITS}`;
  return vectorProblem("zero point", zero, channels, Number.isSafeInteger, "integers");
}

/** The form of a quantizer's codes. */
export function quantizedForm(quantizer: Quantizer): Form {
  const { min, max } = codeRange(quantizer);
  const zero = quantizer.kind === "bipolar" ? Float64Array.of(0) : quantizer.zero;
  return {
    kind: "codes",
    scale: quantizer.scale,
    min: zero.map((z) => min - z),
    max: zero.map((z) => max - z),
    bipolar: quantizer.kind === "bipolar",
  };
}

/** The code of one number of the form `from`. */
export function quantizeElement({ quantizer }: QuantizeNode, from: Form, x: number, channel: number): number {
  return quantize(quantizer, realNumber(from, x, channel), channel) - zeroPoint(quantizer, channel);
}
