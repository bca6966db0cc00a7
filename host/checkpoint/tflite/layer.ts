import { CheckpointError } from "../../base/errors.ts";
import type { Weights } from "../../graph/ops/weights.ts";
import { type FixedFactor, type FixedRounding, fixedFactor } from "../../numbers/fixed_point.ts";
import type { Picture } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { shortest } from "../weights.ts";
import { type Call, type Codes, codesResult, constantOperand } from "./call.ts";
import { checkSums, emitCodes, emitRescale, emitStep } from "./emit.ts";
import type { FileTensor } from "./model.ts";

/** Constants of a layer whose weights are int8 or int4, in the order of the file. */
export interface Filter {
  tensor: FileTensor;
  /** The axis of its output channels. */
  axis: number;
  codes: Int8Array;
  bits: number;
}

/** The weights of operand 1, of so many axes. Their zero points are 0. `axis` is that of the output channels. */
export function filterOperand(call: Call, axes: number, axis: number): Filter {
  const tensor = constantOperand(call, 1, "weights");
  const { name, shape, type, zero, scale, quantizedAxis, odd } = tensor;
  if (odd) throw new Refusal(`its weights "${name}" are ${odd}`, "dense weights with scales");
  if (type !== "INT8" && type !== "INT4") {
    const what = type === "FLOAT32" ? "floats" : type;
    throw new Refusal(`its weights "${name}" are ${what}`, "weights of int8 or int4, by full integer quantization");
  }
  if (shape.length !== axes) throw new CheckpointError(`weights "${name}" have ${shape.length} axes, expected ${axes}`);
  const outputs = shape[axis]!;
  if (scale.length !== 1 && (scale.length !== outputs || quantizedAxis !== axis)) {
    const found = `${scale.length} scales along axis ${quantizedAxis}`;
    throw new Refusal(`its weights "${name}" have ${found}`, `one, or ${outputs} along axis ${axis}`);
  }
  const bad = scale.findIndex((s) => !(s >= 0 && Number.isFinite(s)));
  if (bad >= 0)
    throw new Refusal(`its weights "${name}" have scale ${scale[bad]} at ${bad}`, "finite scales of 0 or more");
  const shifted = zero.findIndex((z) => z !== 0);
  if (shifted >= 0) throw new Refusal(`its weights "${name}" have zero point ${zero[shifted]}`, "weights around 0");
  const codes = codesOf(tensor);
  call.spend(codes.length);
  return { tensor, axis, codes, bits: type === "INT4" ? 4 : 8 };
}

/** Int8 codes as they are; of int4, the first of two in the lower half of a byte. */
function codesOf({ name, shape, type, data }: FileTensor): Int8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const bytes = type === "INT4" ? Math.ceil(count / 2) : count;
  if (data.length !== bytes || count === 0) {
    throw new CheckpointError(`tensor "${name}": ${data.length} bytes, expected ${bytes} of [${shape.join(", ")}]`);
  }
  if (type !== "INT4") return new Int8Array(data.buffer, data.byteOffset, count);
  return Int8Array.from({ length: count }, (_, i) => (data[i >> 1]! << (i % 2 === 0 ? 28 : 24)) >> 28);
}

/** (outputs, inputs) of a graph's layer, of scale 1. */
export function weightsOf({ tensor, axis, bits }: Filter, codes: Int32Array): Weights {
  const [scale, outputs] = [Float64Array.of(1), tensor.shape[axis]!];
  return { name: tensor.name, outputs, inputs: codes.length / outputs, codes, scale, found: "integers", bits };
}

/** The int32 constants of operand 2, one for each output channel; 0 where it is left out. */
export function biasOperand(call: Call, outputs: number): Float64Array {
  const value = call.inputs[2];
  if (value === undefined) return new Float64Array(outputs);
  const { name, type, data } = constantOperand(call, 2, "biases");
  if (type !== "INT32") throw new Refusal(`its bias "${name}" is of ${type}`, "int32");
  if (data.length !== 4 * outputs) {
    throw new CheckpointError(`bias "${name}": ${data.length} bytes, expected ${outputs} numbers of 4`);
  }
  const view = new DataView(data.buffer, data.byteOffset);
  return Float64Array.from({ length: outputs }, (_, m) => view.getInt32(4 * m, true));
}

/** What becomes of a layer's sums: the bias is added, they are multiplied in fixed point, and clamped to codes. */
export function finishLayer(
  call: Call,
  sums: string,
  picture: Picture,
  { input, weights, bias, factors, activation }: Layer,
): Codes {
  checkSums(bounds(input, weights, bias), factors);
  const biased = bias.some((x) => x !== 0)
    ? emitStep(call, sums, picture.channels, { kind: "add", by: shortest(bias) })
    : sums;
  const scaled = emitRescale(call, biased, picture.channels, factors);
  return emitCodes(call, scaled, picture, activation, "ROUND");
}

export interface Layer {
  input: Codes;
  weights: Weights;
  bias: Float64Array;
  /** One, or one for each output channel. */
  factors: FixedFactor[];
  activation: number;
}

/** input scale · weight scale / output scale of each channel, in float64 (`PopulateConvolutionQuantizationParams`). */
export function factorsOf(
  call: Call,
  input: Codes,
  { tensor }: Filter,
  picture: Picture,
  rounding: FixedRounding,
): FixedFactor[] {
  const { scale } = codesResult(call, picture);
  return tensor.scale.map((weight) => factorOf((input.scale * weight) / scale, rounding));
}

/** A factor of 0 or more. */
export function factorOf(real: number, rounding: FixedRounding): FixedFactor {
  return real === 0 ? { multiplier: 0, shift: 0, rounding } : fixedFactor(real, rounding);
}

/** The greatest magnitude of a sum, bias included, and of all that it passes on its way. */
function bounds({ zero }: Codes, { outputs, inputs, codes }: Weights, bias: Float64Array): Float64Array {
  const reach = Math.max(zero + 128, 127 - zero);
  return bias
    .map((x, m) => {
      let bound = Math.abs(x);
      for (let k = 0; k < inputs; k++) bound += Math.abs(codes[m * inputs + k]!) * reach;
      return bound;
    })
    .slice(0, outputs);
}
