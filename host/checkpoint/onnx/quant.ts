import { CheckpointError } from "../../base/errors.ts";
import {
  at,
  dequantize,
  type IntQuantizer,
  type Quantizer,
  quantize,
  uniformQuantizer,
  zeroPoint,
} from "../../numbers/quantizer.ts";
import type { Rounding } from "../../numbers/round.ts";
import { bitsOf } from "../grid.ts";
import { Refusal } from "../refusal.ts";
import {
  axisOf,
  type Call,
  type Constant,
  constantOperand,
  type Grid,
  type IntegerType,
  operand,
  requireFinite,
  scalar,
  shapeText,
} from "./call.ts";
import { DATA_TYPE } from "./proto.ts";
import { integerType } from "./tensor.ts";

/** Codes of an activation are stored in one byte, but elements need not reach all, and a narrower quantizer may follow: lowering decides. */
export const MAX_ACTIVATION_BITS = 16;
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
  const scale = scaleOf(call, toVector);
  const zeroOperand = constantOperand(call, 2, "zero point");
  requireFinite(call, zeroOperand);
  const zero = toVector(zeroOperand);
  const bits = scalar(call, constantOperand(call, 3, "bit width"), "bit width");
  const signed = flag(call, "signed");
  const narrow = flag(call, "narrow");
  const rounding = roundingOf(call, "ROUND");

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
  const quantizer = uniformQuantizer({ scale, zero, bits, signed, narrow, rounding });
  if (quantizer) return quantizer;
  throw new Refusal(
    "one signed bit with a zero point or a negative scale",
    "BipolarQuant, or zero point 0 and scale > 0",
  );
}

/** The attribute `rounding_mode`. */
export function roundingOf({ attributes }: Call, usual: Rounding): Rounding {
  const mode = attributes.text("rounding_mode") ?? usual;
  const rounding = Object.hasOwn(ROUNDING, mode.toUpperCase()) ? ROUNDING[mode.toUpperCase()] : undefined;
  if (!rounding) throw new Refusal(`rounding mode "${mode}"`, `one of ${Object.keys(ROUNDING).join(", ")}`);
  return rounding;
}

/** `Sign(x)`: −1, 0 or 1, a code of two bits. */
export const SIGN: Quantizer = {
  kind: "int",
  scale: Float64Array.of(1),
  zero: Float64Array.of(0),
  bits: 2,
  signed: true,
  narrow: true,
  rounding: "UP",
};

/** `QuantizeLinear(x, y_scale, y_zero_point)`: divides in f32, if x is one, rounds half to even, then adds the zero point and saturates. */
export function linearQuantizer(call: Call, toVector: ToVector): IntQuantizer {
  const { scale, zero, stored = declaredType(call) } = linearOperands(call, toVector);
  const x = operand(call, 0);
  const most = x.kind === "constant" ? MAX_CONSTANT_BITS : MAX_ACTIVATION_BITS;
  const { bits } = stored;
  if (bits > most) throw new Refusal(`${bits} bits`, `zero points of at most ${most} bits`);
  const quantizer = quantizerTo(stored, scale, zero);
  return (x.kind === "constant" || x.single) && isSingle(call) ? { ...quantizer, single: true } : quantizer;
}

/** The quantizer to integers of a type. */
export function quantizerTo({ bits, signed }: IntegerType, scale: Float64Array, zero: Float64Array): IntQuantizer {
  const quantizer: IntQuantizer = { kind: "int", scale, zero, bits, signed, narrow: false, rounding: "ROUND" };
  return zero.every((z) => z === 0) ? quantizer : { ...quantizer, roundsFirst: true };
}

/** Whether QuantizeLinear divides in f32: its `precision` is the type of its scale, if it does not tell. */
function isSingle(call: Call): boolean {
  const precision = call.attributes.int("precision") ?? 0;
  if (precision === DATA_TYPE.DOUBLE) return false;
  if (precision === 0 || precision === DATA_TYPE.FLOAT) return true;
  throw new Refusal(`its precision is type ${precision}`, "that of FLOAT");
}

/** The type that an attribute declares where no zero point tells; uint8 without it. */
function declaredType(call: Call): IntegerType {
  const declared = call.attributes.int("output_dtype") || DATA_TYPE.UINT8;
  const type = integerType(declared);
  if (type) return type;
  throw new Refusal(`it gives type ${declared}`, "integers of at most 8 bits");
}

/** Scale and zero point of QuantizeLinear and DequantizeLinear, one, or one per entry of an axis; and the type of the zero point. */
export function linearOperands(
  call: Call,
  toVector: ToVector,
): { scale: Float64Array; zero: Float64Array; stored: IntegerType | undefined } {
  if (call.attributes.int("block_size")) {
    const why = "its scale changes within an axis, from block to block";
    throw new Refusal(why, "a scale per channel, or one per tensor");
  }
  const zeroOperand = call.inputs[2] && constantOperand(call, 2, "zero point");
  if (zeroOperand && !zeroOperand.stored) {
    throw new CheckpointError(
      `${call.opType} "${call.name}": zero point "${zeroOperand.name}" is no integer of a type, expected one of the codes' type`,
    );
  }
  const onAxis: ToVector = (constant) => toVector(alongAxis(call, constant));
  return {
    scale: scaleOf(call, onAxis),
    zero: zeroOperand ? onAxis(zeroOperand) : Float64Array.of(0),
    stored: zeroOperand?.stored,
  };
}

/** A vector, shaped so that it broadcasts along the node's axis. */
function alongAxis(call: Call, constant: Constant): Constant {
  if (constant.data.length === 1) return constant;
  if (constant.dims.length !== 1) {
    throw new Refusal(`"${constant.name}" has shape ${shapeText(constant.dims)}`, "one number, or one per channel");
  }
  const rank = operand(call, 0).dims.length;
  const axis = axisOf(call, call.attributes.int("axis") ?? 1, rank);
  return { ...constant, dims: [...constant.dims, ...new Array<number>(rank - 1 - axis).fill(1)] };
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

export function flag(call: Call, name: string): boolean {
  const value = call.attributes.int(name);
  if (value !== 0 && value !== 1) {
    const found = value ?? "absent";
    throw new CheckpointError(`${call.opType} "${call.name}": attribute "${name}" is ${found}, expected 0 or 1`);
  }
  return value === 1;
}

/** Quantizes a constant: its values become those of the codes, and the codes are kept. Vectors count elements. */
export function quantizeConstant(x: Constant, quantizer: Quantizer): Constant & { grid: Grid } {
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
  const { bits } = quantizer.kind === "bipolar" ? { bits: 1 } : quantizer;
  const { name, dims } = x;
  const grid: Grid = { codes, scale, bits, found: latent ? "latent" : "on-grid" };
  return { kind: "constant", name, dims, data, integer: false, grid };
}

/** What QuantizeLinear makes of a constant: the integers that it stores. */
export function linearCodes(x: Constant, quantizer: IntQuantizer): Constant {
  const { grid, ...rest } = quantizeConstant(x, quantizer);
  const data = grid.codes.map((code, i) => code + at(quantizer.zero, i));
  const { bits, signed } = quantizer;
  const whole: Grid = { ...grid, codes: data, scale: new Float64Array(data.length).fill(1) };
  return { ...rest, data, integer: true, stored: { bits, signed }, grid: whole };
}

/** (x − zero) · scale of integers. Vectors count elements. */
export function dequantizeConstant(x: Constant, scale: Float64Array, zero: Float64Array): Constant {
  const codes = x.data.map((q, i) => q - at(zero, i));
  const grid: Grid = {
    codes,
    scale: codes.map((_, i) => at(scale, i)),
    bits: x.grid?.bits ?? x.stored?.bits ?? bitsOf(codes),
    found: x.grid?.found ?? "integers",
  };
  const { name, dims } = x;
  return { kind: "constant", name, dims, data: codes.map((code, i) => code * at(scale, i)), integer: false, grid };
}
