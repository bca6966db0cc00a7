import { type Quantizer as DataQuantizer, dequantize, quantize } from "../../numbers/quantizer.ts";
import type { Builder, OwnQuantizer, Result, Step, Weighted } from "../arch/builder.ts";
import { Refusal } from "../refusal.ts";
import type { StoredTensor } from "../weights_file.ts";
import { codeWeights, type Quantizer } from "./quantizers.ts";

// Where quantizers stand: before a kernel, on data, on a bias.

/** The quantizer of data, as nodes. */
export function quantizeData(to: Builder, step: Step, quantizer: Quantizer): Result {
  const { input, emit } = step;
  if (quantizer.kind === "sign") return emit("BipolarQuant", [input.value, to.number(quantizer.scale)], input.shape);
  if (quantizer.kind !== "bits") {
    throw new Refusal(
      `its quantizer is of kernels (${quantizer.kind})`,
      "quantized_relu, quantized_bits, binary, or the sign of Larq",
    );
  }
  const { factor, signed, narrow } = quantizer;
  const attributes = { signed: signed ? 1n : 0n, narrow: narrow ? 1n : 0n, rounding_mode: "ROUND" };
  const operands = [input.value, to.number(quantizer.scale), to.number(0), to.number(quantizer.bits)];
  const codes = emit("Quant", operands, input.shape, attributes, factor === 1 ? undefined : "more");
  return factor === 1 ? codes : emit("Mul", [codes.value, to.number(factor)], input.shape);
}

/** The quantizer of a kernel. */
export function kernelQuantizer(
  { to, note }: { to: Builder; note(sentence: string): void },
  quantizer: Quantizer,
): Weighted["weights"] {
  switch (quantizer.kind) {
    case "sign":
      return { as: "binary", scale: quantizer.scale, per: undefined };
    case "magnitude":
      return { as: "binary", scale: "absmean", per: "channel" };
    case "bits":
      return ofNodes(to, quantizer);
    case "ternary":
    case "measured":
      return ofCodes(to, note, quantizer);
  }
}

function ofNodes(to: Builder, quantizer: Quantizer): OwnQuantizer {
  return {
    key: JSON.stringify(quantizer),
    quantize({ step, latent }) {
      const emit: Step["emit"] = (op, inputs, shape, attributes) => step.emit(op, inputs, shape, attributes, "more");
      return quantizeData(to, { ...step, emit, input: { value: latent(), shape: [] } }, quantizer).value;
    },
  };
}

function ofCodes(
  to: Builder,
  note: (sentence: string) => void,
  quantizer: Parameters<typeof codeWeights>[0],
): OwnQuantizer {
  const own = JSON.stringify(quantizer);
  return {
    key: own,
    quantize({ step, tensor, name, dims, arrange }) {
      const { codes, scale } = codeWeights(quantizer, tensor.read(), tensor.dims.at(-1)!);
      const add = (what: string, data: Float64Array) =>
        to.constant(`${what} ${own} ${name}`, `${name}.${what}`, () => ({ dims, data: arrange(data) }));
      note(`"${name}" is float: its codes and scales are those that QKeras finds, per entry of its last axis`);
      return step.emit("Mul", [add("codes", codes), add("scales", scale)], [], {}, "more").value;
    },
  };
}

/** A bias behind its quantizer. */
export function quantizeBias(bias: StoredTensor, quantizer: Quantizer): StoredTensor {
  if (quantizer.kind !== "sign" && quantizer.kind !== "bits") {
    throw new Refusal(`its bias has a quantizer of kernels (${quantizer.kind})`, "quantized_bits");
  }
  const scale = Float64Array.of(quantizer.scale);
  const own: DataQuantizer =
    quantizer.kind === "sign"
      ? { kind: "bipolar", scale }
      : { ...quantizer, kind: "int", scale, zero: Float64Array.of(0), rounding: "ROUND" };
  const factor = quantizer.kind === "sign" ? 1 : quantizer.factor;
  return { ...bias, read: () => bias.read().map((x) => dequantize(own, quantize(own, x, 0), 0) * factor) };
}
