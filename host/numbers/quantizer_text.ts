import { InputError } from "../base/errors.ts";
import { type Quantizer, uniformQuantizer } from "./quantizer.ts";

/** How people write a quantizer. */
export const QUANTIZER_FORM = "scale=…,zero=…,bits=…,signed|unsigned or bipolar";

/** Fields with a value, and words without one. */
const VALUES = ["scale", "zero", "bits"];
const WORDS = ["signed", "unsigned", "bipolar"];

/**
 * An input quantizer as people write it: "scale=0.0078125,zero=0,bits=8,signed". It means what the node `Quant` means: so one signed bit is
 * the sign, ±1, which is "bipolar" as well. Zero is 0 and a sign's scale 1 if left out; rounds half to even. Throws InputError.
 */
export function parseQuantizer(text: string): Quantizer {
  const fail = (why: string): never => {
    throw new InputError(`input quantizer "${text}": ${why}, expected ${QUANTIZER_FORM}`);
  };
  const fields = new Map<string, string>();
  for (const field of text.split(",").map((each) => each.trim())) {
    const [name = "", value = ""] = field.split("=");
    const known = VALUES.includes(name) ? value !== "" : WORDS.includes(field);
    if (!known || fields.has(name)) fail(`found "${field}"`);
    fields.set(name, value);
  }
  const number = (name: string, otherwise: number) => Number(fields.get(name) ?? otherwise);
  const bipolar = fields.has("bipolar");
  const [scale, zero, bits] = [
    number("scale", bipolar ? 1 : NaN),
    number("zero", 0),
    number("bits", bipolar ? 1 : NaN),
  ];
  if (!(Number.isFinite(scale) && scale > 0)) fail("the scale is no positive number");
  if (!Number.isInteger(zero)) fail("the zero point is no integer");
  const words = WORDS.filter((word) => fields.has(word));
  if (words.length !== 1) fail(`found ${words.join(" and ") || "none"} of signed, unsigned and bipolar`);
  if (bipolar && bits !== 1) fail(`found ${bits} bits of a sign`);
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 16)) fail("bits are not 1 to 16");
  const quantizer = uniformQuantizer({
    scale: Float64Array.of(scale),
    zero: Float64Array.of(zero),
    bits,
    signed: !fields.has("unsigned"),
    narrow: false,
    rounding: "ROUND",
  });
  return quantizer ?? fail("a sign has no zero point");
}
