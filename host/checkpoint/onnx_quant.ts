import { CheckpointError } from "../errors.ts";
import { at, dequantize, type Quantizer, quantize, zeroPoint } from "../numbers/quantizer.ts";
import type { Rounding } from "../numbers/round.ts";
import { type Call, type Constant, constantOperand, Refusal, requireFinite, scalar } from "./onnx_call.ts";

/** Codes of an activation are stored in one byte. */
const MAX_ACTIVATION_BITS = 8;
/** Codes of a constant (a bias) are int32 at most. */
const MAX_CONSTANT_BITS = 32;

/** `rounding_mode`, in any case of letters. */
const ROUNDING: Record<string, Rounding> = {
  ROUND: "ROUND",
  HALF_EVEN: "ROUND",
  CEIL: "CEIL",
  FLOOR: "FLOOR",
  UP: "UP",
  DOWN: "DOWN",
  HALF_UP: "HALF_UP",
  HALF_DOWN: "HALF_DOWN",
};

/** How a constant operand becomes a vector of a quantizer: per channel of data, or per element of a constant. */
type ToVector = (constant: Constant) => Float64Array;

/** `BipolarQuant(x, scale)`. */
export function bipolarQuantizer(call: Call, toVector: ToVector): Quantizer {
  return { kind: "bipolar", scale: scaleOf(call, toVector) };
}

/** `Quant(x, scale, zeropt, bitwidth)`: qonnx, `custom_op/general/intquant.py`. */
export function intQuantizer(call: Call, toVector: ToVector): Quantizer {
  const { attributes } = call;
  const scale = scaleOf(call, toVector);
  const zeroOperand = constantOperand(call, 2, "zero point");
  requireFinite(call, zeroOperand);
  const zero = toVector(zeroOperand);
  const bits = scalar(call, constantOperand(call, 3, "bit width"), "bit width");
  const signed = flag(call, "signed");
  const narrow = flag(call, "narrow");
  const mode = attributes.text("rounding_mode") ?? "ROUND";
  const rounding = Object.hasOwn(ROUNDING, mode.toUpperCase()) ? ROUNDING[mode.toUpperCase()] : undefined;

  if (!rounding) throw new Refusal(`rounding mode "${mode}"`, `one of ${Object.keys(ROUNDING).join(", ")}`);
  if (!zero.every(Number.isInteger)) {
    throw new Refusal(
      `its zero point ${zero.find((z) => !Number.isInteger(z))} is not an integer`,
      "integer zero points",
    );
  }
  const most = call.inputs[0]?.kind === "constant" ? MAX_CONSTANT_BITS : MAX_ACTIVATION_BITS;
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= most)) {
    throw new Refusal(`${bits} bits`, `1 to ${most} bits, an integer`);
  }
  if (bits === 1 && signed) {
    if (zero.some((z) => z !== 0) || scale.some((s) => s < 0)) {
      throw new Refusal(
        "one signed bit with a zero point or a negative scale",
        "BipolarQuant, or zero point 0 and scale > 0",
      );
    }
    return { kind: "bipolar", scale };
  }
  return { kind: "int", scale, zero, bits, signed, narrow, rounding };
}

function scaleOf(call: Call, toVector: ToVector): Float64Array {
  const operand = constantOperand(call, 1, "scale");
  requireFinite(call, operand);
  const zero = operand.data.indexOf(0);
  if (zero >= 0) {
    throw new CheckpointError(
      `${call.opType} "${call.name}": element ${zero} of scale "${operand.name}" is 0, expected not`,
    );
  }
  return toVector(operand);
}

function flag(call: Call, name: string): boolean {
  const value = call.attributes.int(name);
  if (value !== 0 && value !== 1) {
    const found = value ?? "absent";
    throw new CheckpointError(`${call.opType} "${call.name}": attribute "${name}" is ${found}, expected 0 or 1`);
  }
  return value === 1;
}

/** Quantizes a constant: its values become those of the codes, and the codes are kept. Vectors count elements. */
export function quantizeConstant(x: Constant, quantizer: Quantizer): Constant {
  const data = new Float64Array(x.data.length);
  const codes = new Float64Array(x.data.length);
  const scale = new Float64Array(x.data.length);
  let latent = false;
  for (let i = 0; i < data.length; i++) {
    const code = quantize(quantizer, x.data[i]!, i);
    data[i] = dequantize(quantizer, code, i);
    codes[i] = code - zeroPoint(quantizer, i);
    scale[i] = at(quantizer.scale, i);
    if (data[i] !== x.data[i]) latent = true;
  }
  const bits = quantizer.kind === "bipolar" ? 1 : quantizer.bits;
  return { ...x, data, integer: false, grid: { codes, scale, bits, latent } };
}
