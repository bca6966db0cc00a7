import { CheckpointError } from "../../base/errors.ts";
import type { Weights } from "../../graph/ops/weights.ts";
import { type FixedFactor, type FixedRounding, fixedFactor } from "../../numbers/fixed_point.ts";
import type { Picture } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { shortest } from "../weights.ts";
import { type Call, CODES, type Codes, type CodeType, codesResult, constantOperand } from "./call.ts";
import { checkSums, emitCodes, emitRescale, emitStep } from "./emit.ts";
import type { FileTensor } from "./model.ts";

/** Constants of a layer, in the order of the file. */
export interface Filter {
  tensor: FileTensor;
  /** The axis of its output channels. */
  axis: number;
  /** Zero points already subtracted. */
  codes: Int8Array;
  bits: number;
}

/** What weights are beside activations of each type. */
const WEIGHTS: Record<CodeType, readonly string[]> = { INT8: ["INT8", "INT4"], UINT8: ["UINT8"] };

/** The weights of operand 1, of so many axes, for such an input. `axis` is that of the output channels. */
export function filterOperand(call: Call, input: Codes, axes: number, axis: number): Filter {
  const tensor = constantOperand(call, 1, "weights");
  const { name, shape, type, scale, quantizedAxis } = tensor;
  const types = WEIGHTS[input.type];
  if (!types.includes(type)) {
    const what = type === "FLOAT32" ? "floats" : type;
    const expected = types.join(" or ").toLowerCase();
    throw new Refusal(`its weights "${name}" are ${what}`, `weights of ${expected}, by full integer quantization`);
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
  const codes = type === "UINT8" ? unsignedCodesOf(tensor) : codesOf(tensor);
  call.spend(codes.length);
  return { tensor, axis, codes, bits: type === "INT4" ? 4 : 8 };
}

/** Int8 codes as they are; of int4, the first of two in the lower half of a byte. */
function codesOf({ name, shape, type, data, zero }: FileTensor): Int8Array {
  const shifted = zero.find((z) => z !== 0);
  if (shifted !== undefined) throw new Refusal(`its weights "${name}" have zero point ${shifted}`, "weights around 0");
  const count = shape.reduce((product, size) => product * size, 1);
  const bytes = type === "INT4" ? Math.ceil(count / 2) : count;
  checkBytes(name, shape, data, bytes);
  if (type !== "INT4") return new Int8Array(data.buffer, data.byteOffset, count);
  return Int8Array.from({ length: count }, (_, i) => (data[i >> 1]! << (i % 2 === 0 ? 28 : 24)) >> 28);
}

/** Uint8 codes around one zero point, of which none may be further than int8 reaches. */
function unsignedCodesOf({ name, shape, data, scale, zero }: FileTensor): Int8Array {
  const [middle = 0, ...others] = zero;
  if (scale.length > 1 || others.length > 0 || !(middle >= 0 && middle <= 255)) {
    const found = `${scale.length} scales and zero points ${zero.slice(0, 4).join(", ")}`;
    throw new Refusal(`its weights "${name}" have ${found}`, "one scale, and one zero point of 0 to 255");
  }
  checkBytes(
    name,
    shape,
    data,
    shape.reduce((product, size) => product * size, 1),
  );
  const far = data.find((q) => q - middle < -128 || q - middle > 127);
  if (far !== undefined) {
    const why = `its weights "${name}" have code ${far}, which is ${far - middle} from the zero point`;
    throw new Refusal(why, "weights of −128 to 127 around it, as all are that today's converters quantize to int8");
  }
  return Int8Array.from(data, (q) => q - middle);
}

function checkBytes(name: string, shape: readonly number[], data: Uint8Array, bytes: number): void {
  if (data.length === bytes && bytes > 0) return;
  throw new CheckpointError(`tensor "${name}": ${data.length} bytes, expected ${bytes} of [${shape.join(", ")}]`);
}

/** (outputs, inputs) of a graph's layer, of scale 1. */
export function weightsOf({ tensor, axis, bits }: Filter, codes: Int32Array): Weights {
  const { name, shape, scale } = tensor;
  const outputs = shape[axis]!;
  const sizes = { outputs, inputs: codes.length / outputs };
  return {
    name,
    ...sizes,
    codes,
    scale: Float64Array.of(1),
    fileScale: Float64Array.from(scale),
    found: "integers",
    bits,
  };
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

/**
 * input scale · weight scale / output scale: in float64 for each channel (`PopulateConvolutionQuantizationParams`), where the kernel has one factor a product that is
 * rounded to f32 (`GetQuantizedConvolutionMultipler`).
 */
export function factorsOf(
  call: Call,
  input: Codes,
  { tensor }: Filter,
  picture: Picture,
  { rounding, single }: { rounding: FixedRounding; single: boolean },
): FixedFactor[] {
  const { scale } = codesResult(call, picture);
  const product = single ? Math.fround : (x: number) => x;
  return tensor.scale.map((weight) => factorOf(product(input.scale * weight) / scale, rounding));
}

/** A factor of 0 or more. */
export function factorOf(real: number, rounding: FixedRounding): FixedFactor {
  return real === 0 ? { multiplier: 0, shift: 0, rounding } : fixedFactor(real, rounding);
}

/** The greatest magnitude of a sum, bias included, and of all that it passes on its way. */
function bounds({ type, zero }: Codes, { outputs, inputs, codes }: Weights, bias: Float64Array): Float64Array {
  const [min, max] = CODES[type];
  const reach = Math.max(zero - min, max - zero);
  return bias
    .map((x, m) => {
      let bound = Math.abs(x);
      for (let k = 0; k < inputs; k++) bound += Math.abs(codes[m * inputs + k]!) * reach;
      return bound;
    })
    .slice(0, outputs);
}
