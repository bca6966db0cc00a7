import { InputError } from "../errors.ts";
import type { IntQuantizer } from "./quantizer.ts";

/** How people write a quantizer. */
export const QUANTIZER_FORM = "scale=…,zero=…,bits=…,signed|unsigned";

/**
 * An input quantizer as people write it: "scale=0.0078125,zero=0,bits=8,signed". Zero is 0 if left out; rounds half to even.
 * Throws InputError.
 */
export function parseQuantizer(text: string): IntQuantizer {
  const fail = (why: string): never => {
    throw new InputError(`input quantizer "${text}": ${why}, expected ${QUANTIZER_FORM}`);
  };
  const fields = new Map<string, string>();
  for (const field of text.split(",").map((each) => each.trim())) {
    const [name = "", value = ""] = field.split("=");
    const known = ["scale", "zero", "bits"].includes(name) ? value !== "" : ["signed", "unsigned"].includes(field);
    if (!known || fields.has(name)) fail(`found "${field}"`);
    fields.set(name, value);
  }
  const scale = Number(fields.get("scale") ?? Number.NaN);
  const zero = Number(fields.get("zero") ?? 0);
  const bits = Number(fields.get("bits") ?? Number.NaN);
  if (!(Number.isFinite(scale) && scale > 0)) fail("the scale is no positive number");
  if (!Number.isInteger(zero)) fail("the zero point is no integer");
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8)) fail("bits are not 1 to 8");
  if (fields.has("signed") === fields.has("unsigned")) fail("found neither or both of signed and unsigned");
  return {
    kind: "int",
    scale: Float64Array.of(scale),
    zero: Float64Array.of(zero),
    bits,
    signed: fields.has("signed"),
    narrow: false,
    rounding: "ROUND",
  };
}
