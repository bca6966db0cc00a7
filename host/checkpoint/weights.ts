import type { Weights } from "../graph/ops/weights.ts";
import { findGrid } from "./grid.ts";
import type { Constant } from "./onnx/call.ts";
import { Refusal } from "./refusal.ts";

/** The module multiplies int8 codes at most. */
const CODE_MIN = -128;
const CODE_MAX = 127;

/** Share of zeros above which a person should look at a tensor. */
const MANY_ZEROS = 0.6;

/**
 * Weights of a layer from a constant of shape (M, K), and what is worth saying about them. Floats on no grid stay floats where `keepsFloats`, and are refused
 * otherwise.
 */
export function weightsOf(constant: Constant, keepsFloats: boolean): { weights: Weights; notes: string[] } {
  const [outputs, inputs] = constant.dims as [number, number];
  const { name } = constant;
  const coded = constant.grid ? quantized(constant.grid, inputs, name) : bare(constant.data, outputs, name);
  if (!coded) {
    if (!keepsFloats) {
      throw new Refusal(
        `its weights "${name}" are float numbers without a quantizer, and no integers of 8 bits times a scale per output channel`,
        `a Quant or BipolarQuant node between the weights and this node (in Brevitas: a quantized layer), or ${MAKE_INT8}`,
      );
    }
    const scale = Float64Array.of(1);
    return { weights: { name, outputs, inputs, codes: constant.data, scale, found: "float" }, notes: [] };
  }
  const { codes, scale, found, bits, note } = coded;
  const outside = codes.findIndex((code) => !(code >= CODE_MIN && code <= CODE_MAX));
  if (outside >= 0) {
    throw new Refusal(
      `weight code ${codes[outside]} at index ${outside} of "${name}" is outside ${CODE_MIN}…${CODE_MAX}`,
      "weights of at most 8 bits, whose codes minus zero point fit int8 (in onnxruntime.quantization: weight_type=QuantType.QInt8)",
    );
  }

  const notes: string[] = note ? [note] : [];
  const zeros = codes.reduce((count, code) => count + (code === 0 ? 1 : 0), 0) / codes.length;
  if (zeros === 1) notes.push(`"${name}" is all zero`);
  else if (zeros > MANY_ZEROS) notes.push(`${Math.round(zeros * 100)} % of "${name}" are zero`);

  const weights = { name, outputs, inputs, codes: Int32Array.from(codes), scale: shortest(scale), found, bits };
  return { weights, notes };
}

interface Coded {
  codes: Float64Array;
  scale: Float64Array;
  found: Weights["found"];
  bits: number;
  note?: string;
}

function quantized(grid: NonNullable<Constant["grid"]>, inputs: number, name: string): Coded {
  const scale = grid.scale.filter((_, i) => i % inputs === 0);
  const differs = grid.scale.findIndex((s, i) => s !== scale[Math.floor(i / inputs)]);
  if (differs >= 0) {
    throw new Refusal(
      `the scale of "${name}" changes along the input axis (output ${Math.floor(differs / inputs)}, input ${differs % inputs})`,
      "one scale per tensor or per output channel",
    );
  }
  return { codes: grid.codes, scale, found: grid.found, bits: grid.bits };
}

/** What makes integers of a float network, for all readers. */
export const MAKE_INT8 = "--weights int8 --calibrate samples.npy, which makes an int8 network of a float one";

/** Float weights that lie on a grid need no quantizer: nothing is lost. */
function bare(data: Float64Array, outputs: number, name: string): Coded | undefined {
  const grid = findGrid(data, outputs);
  if (!grid) return undefined;
  const { codes, scale, perTensor } = grid;
  const binary = codes.every((code) => Math.abs(code) === 1);
  const bits = binary ? 1 : grid.bits;
  const ternary = codes.every((code) => Math.abs(code) <= 1) ? "−s, 0 and +s" : undefined;
  const unit = perTensor ? Number(scale[0]!.toPrecision(4)) : "a scale per output channel";
  const values = binary ? "−s and +s" : (ternary ?? `integers of ${bits} bits times ${unit}`);
  const note = `"${name}" has no quantizer; its values are ${values}, so they are taken as they are`;
  return { codes, scale, found: "bare", bits, note };
}

/** One entry where all are equal. */
export function shortest(vector: Float64Array): Float64Array {
  return vector.every((x) => x === vector[0]) ? vector.slice(0, 1) : vector;
}
