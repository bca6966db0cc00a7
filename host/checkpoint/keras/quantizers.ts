import { CheckpointError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { shown } from "../../base/printable.ts";
import { Refusal } from "../refusal.ts";
import { Fields, text } from "./fields.ts";

// Quantizers of Larq (larq/quantizers.py of 0.13) and QKeras (qkeras/quantizers.py of 0.9): what their forward passes compute.

export type Quantizer =
  /** scale where x ≥ 0, else −scale. */
  | { kind: "sign"; scale: number }
  /** sign(x) times the mean of |x| of an output channel. Of weights alone. */
  | { kind: "magnitude" }
  /** factor · scale · clip(round half to even (x / scale)), of so many bits. */
  | { kind: "bits"; bits: number; signed: boolean; narrow: boolean; scale: number; factor: number }
  /** sign(x) · factor where |x| ≥ threshold, else 0. Of weights alone. */
  | { kind: "ternary"; threshold: number; factor: number }
  /** Codes and a scale that are found together. Of weights alone. */
  | {
      kind: "measured";
      of: "bits" | "ternary" | "binary";
      isPowerOfTwo: boolean;
      bits: number;
      integer: number;
      rounds: number;
    };

/** What a quantizer is called, and its parameters. */
interface Named {
  name: string;
  fields: Fields;
}

/** Bits that codes may have. */
const MAX_BITS = 16;

/** A power of two of so many bits is an f32. */
const MAX_INTEGER = 64;

/** Reads a quantizer; undefined for none. `isWeights`: QKeras takes a scale that it is not told as "auto_po2", for kernels. */
export function readQuantizer(value: unknown, where: string, isWeights: boolean): Quantizer | undefined {
  const named = readNamed(value, where);
  if (!named) return undefined;
  const { name, fields } = named;
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (!read) throw new Refusal(`its quantizer "${shown(name)}" is not known here`, Object.keys(READERS).join(", "));
  return read(fields, isWeights);
}

/** Whether a function's name is that of a quantizer, rather than of an activation. */
export function isQuantizer(value: unknown): boolean {
  const name = isObject(value) ? value.class_name : typeof value === "string" ? value.split("(")[0] : undefined;
  return (
    typeof name === "string" &&
    (Object.hasOwn(READERS, name) || Object.hasOwn(ALIASES, name) || /quantized|stochastic|ternary/.test(name))
  );
}

function readNamed(value: unknown, where: string): Named | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return parseCall(value, where);
  if (!isObject(value) || typeof value.class_name !== "string") {
    throw new CheckpointError(`${where}: ${text(value)}, expected a quantizer`);
  }
  return { name: aliased(value.class_name), fields: new Fields(value.config ?? {}, where) };
}

/** Names that Larq has for its classes. */
const ALIASES: Record<string, string> = {
  SteSign: "ste_sign",
  ApproxSign: "approx_sign",
  SwishSign: "swish_sign",
  MagnitudeAwareSign: "magnitude_aware_sign",
};

function aliased(name: string): string {
  return Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
}

/** Parameters of QKeras' quantizers in their order, as texts leave out their names. */
const PARAMETERS: Record<string, string[]> = {
  quantized_bits: ["bits", "integer", "symmetric", "keep_negative", "alpha"],
  quantized_relu: ["bits", "integer", "use_sigmoid", "negative_slope"],
  binary: ["use_01", "alpha"],
  ternary: ["alpha", "threshold"],
};

const WORDS: Record<string, unknown> = { True: true, False: false, None: null };

/** Characters of a quantizer as text. */
const MAX_CALL = 256;

/** A text such as quantized_bits(4, 0, alpha=1.0). */
function parseCall(call: string, where: string): Named {
  if (call.length > MAX_CALL)
    throw new CheckpointError(`${where}: a quantizer of ${call.length} characters, expected at most ${MAX_CALL}`);
  const [, name, inside = ""] = call.match(/^\s*([\w.]+)\s*(?:\((.*)\))?\s*$/) ?? [];
  if (name === undefined) throw new CheckpointError(`${where}: ${text(call)}, expected the name of a quantizer`);
  const own = name.split(".").at(-1)!;
  const values = inside.trim() === "" ? [] : inside.split(",").map((part) => part.split("="));
  const read = (word: string): unknown => {
    if (Object.hasOwn(WORDS, word)) return WORDS[word];
    const quoted = word.match(/^(['"])(\w*)\1$/);
    return quoted ? quoted[2] : word === "" ? Number.NaN : Number(word);
  };
  const fields = values.map((parts, i) => {
    const [field, value] = parts.length === 1 ? [PARAMETERS[own]?.[i], parts[0]] : parts;
    if (parts.length > 2 || field === undefined)
      throw new CheckpointError(`${where}: ${text(call)}, expected known parameters`);
    return [field.trim(), read(value!.trim())] as const;
  });
  return { name: aliased(own), fields: new Fields(Object.fromEntries(fields), where) };
}

const READERS: Record<string, (fields: Fields, isWeights: boolean) => Quantizer> = {
  ste_sign: () => ({ kind: "sign", scale: 1 }),
  approx_sign: () => ({ kind: "sign", scale: 1 }),
  swish_sign: () => ({ kind: "sign", scale: 1 }),
  magnitude_aware_sign: () => ({ kind: "magnitude" }),

  quantized_bits(fields, isWeights) {
    refuseNoise(fields);
    const bits = fields.whole("bits", 8, 1, MAX_BITS);
    const integer = fields.whole("integer", 0, -MAX_INTEGER, MAX_INTEGER);
    const signed = fields.flag("keep_negative", true);
    const alpha = alphaOf(fields, isWeights);
    if (typeof alpha === "string") {
      if (!signed || bits < 2)
        throw new Refusal(`its quantized_bits of ${bits} bits finds its scale itself`, "a number as alpha");
      return { kind: "measured", of: "bits", isPowerOfTwo: alpha === "auto_po2", bits, integer, rounds: 5 };
    }
    if (signed && bits === 1) return { kind: "sign", scale: alpha };
    const scale = 2 ** (integer - (signed ? bits - 1 : bits));
    return { kind: "bits", bits, signed, narrow: signed && fields.flag("symmetric", false), scale, factor: alpha };
  },

  quantized_relu(fields) {
    refuseNoise(fields);
    if (fields.flag("use_sigmoid", false)) throw new Refusal("its quantized_relu uses a sigmoid", "use_sigmoid=0");
    if (fields.number("negative_slope", 0) !== 0)
      throw new Refusal("its quantized_relu has a negative_slope", "a slope of 0");
    const bits = fields.whole("bits", 8, 1, MAX_BITS);
    const integer = fields.whole("integer", 0, -MAX_INTEGER, MAX_INTEGER);
    return { kind: "bits", bits, signed: false, narrow: false, scale: 2 ** (integer - bits), factor: 1 };
  },

  binary(fields, isWeights) {
    if (fields.flag("use_01", false)) throw new Refusal("its binary has codes 0 and 1", "use_01=False");
    const alpha = alphaOf(fields, isWeights);
    if (typeof alpha === "number") return { kind: "sign", scale: alpha };
    return { kind: "measured", of: "binary", isPowerOfTwo: alpha === "auto_po2", bits: 1, integer: 0, rounds: 0 };
  },

  ternary(fields, isWeights) {
    const alpha = alphaOf(fields, isWeights);
    if (typeof alpha === "number") {
      return { kind: "ternary", threshold: Math.fround(fields.number("threshold", 0.33)), factor: alpha };
    }
    const rounds = fields.whole("number_of_unrolls", 5, 1, 100);
    return { kind: "measured", of: "ternary", isPowerOfTwo: alpha === "auto_po2", bits: 2, integer: 0, rounds };
  },
};

/** What codes are multiplied by: a number above 0, or how it is found. */
function alphaOf(fields: Fields, isWeights: boolean): number | "auto" | "auto_po2" {
  const alpha = fields.get("alpha") ?? (isWeights ? "auto_po2" : 1);
  if (alpha === "auto" || alpha === "auto_po2") {
    if (isWeights) return alpha;
    throw new Refusal(`its alpha "${alpha}" depends on the data`, "a number as alpha");
  }
  if (typeof alpha === "number" && alpha > 0 && Number.isFinite(alpha)) return Math.fround(alpha);
  throw fields.fail("alpha", 'a number above 0, "auto" or "auto_po2"');
}

function refuseNoise(fields: Fields): void {
  if (fields.number("qnoise_factor", 1) !== 1)
    throw new Refusal("its qnoise_factor is not 1", "a quantizer that quantizes all");
}

/** Codes of weights, and the scale of each: those of the last axis share one. */
export interface Coded {
  codes: Float64Array;
  scale: Float64Array;
}

/** What keeps QKeras from 0 / 0, and log(0): K.epsilon(). */
const EPSILON = Math.fround(1e-7);

/** Codes of quantizers that weights alone have; `channels` is the size of the last axis. Throws Refusal for a scale that f32 and f64 may round to different ones. */
export function codeWeights(
  quantizer: Extract<Quantizer, { kind: "ternary" | "measured" }>,
  weights: Float64Array,
  channels: number,
): Coded {
  const { length } = weights;
  const [codes, scale] = [new Float64Array(length), new Float64Array(length)];
  if (quantizer.kind === "ternary") {
    const { threshold, factor } = quantizer;
    return { codes: weights.map((x) => (Math.abs(x) >= threshold ? Math.sign(x) : 0)), scale: scale.fill(factor) };
  }
  const rows = length / channels;
  const column = new Float64Array(rows);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < rows; i++) column[i] = weights[i * channels + c]!;
    const found = MEASURED[quantizer.of](column, quantizer);
    for (let i = 0; i < rows; i++) {
      codes[i * channels + c] = found.codes[i]!;
      scale[i * channels + c] = found.scale;
    }
  }
  return { codes, scale };
}

type Measured = Extract<Quantizer, { kind: "measured" }>;

const MEASURED: Record<
  Measured["of"],
  (x: Float64Array, quantizer: Measured) => { codes: Float64Array; scale: number }
> = {
  bits(weights, { bits, integer, isPowerOfTwo, rounds }) {
    const unit = 2 ** integer;
    const x = weights.map((w) => w / unit);
    const most = 2 ** (bits - 1) - 1;
    const greatest = x.reduce((max, each) => Math.max(max, Math.abs(each)), 0);
    const codesOf = (scale: number) =>
      x.map(
        (each) => Math.sign(each) * Math.min(Math.floor(Math.fround(Math.fround(Math.abs(each) / scale) + 0.5)), most),
      );
    let scale = Math.fround((2 * greatest) / (2 * most));
    if (!isPowerOfTwo) return { codes: greatest === 0 ? x : codesOf(scale), scale: (scale || 1) * unit };
    scale = powerOfTwo(scale);
    let codes = x;
    for (let i = 0; i < rounds; i++) {
      codes = codesOf(scale);
      scale = powerOfTwo(leastSquares(x, codes));
    }
    return { codes, scale: scale * unit };
  },

  binary(x, { isPowerOfTwo }) {
    const codes = x.map((each) => (each >= 0 ? 1 : -1));
    const measured = leastSquares(x, codes);
    const scale = isPowerOfTwo ? powerOfTwo(measured) : measured;
    return scale === 0 ? { codes: x, scale: 1 } : { codes, scale }; // 0 where all weights are
  },

  ternary(x, { isPowerOfTwo, rounds }) {
    const rounded = (scale: number) => (isPowerOfTwo ? powerOfTwo(scale) : scale);
    let scale = rounded((2 * x.reduce((max, each) => Math.max(max, Math.abs(each)), 0)) / 3);
    let codes = x;
    for (let i = 0; i < rounds && scale !== 0; i++) {
      if (!isPowerOfTwo) refuseTies(x, scale);
      // a code that rounds to 0 is below the threshold, scale / 2, and all others are above it
      codes = x.map((each) => (Math.abs(each) / scale > 0.5 ? Math.sign(each) : 0));
      scale = rounded(leastSquares(x, codes));
    }
    return { codes, scale: scale || 1 };
  },
};

/** The factor of codes that is nearest to x. */
function leastSquares(x: Float64Array, codes: Float64Array): number {
  const mean = (data: Float64Array) => data.reduce((sum, each) => sum + each, 0) / data.length;
  return mean(x.map((each, i) => each * codes[i]!)) / (mean(codes.map((code) => code * code)) + EPSILON);
}

/** How near to a tie f32 and f64 may part. */
const NEAR = 1e-4;

function powerOfTwo(scale: number): number {
  const exponent = Math.log2(scale + EPSILON);
  if (Math.abs(exponent - Math.floor(exponent) - 0.5) < NEAR) {
    throw new Refusal(
      "its scale lies between two powers of two, and rounding decides which it is",
      "kernels that are quantized already, as QKeras' model_save_quantized_weights makes them, and a number as alpha",
    );
  }
  return 2 ** Math.round(exponent);
}

/** f32 and f64 may part at weights that are nearly half a scale. */
function refuseTies(x: Float64Array, scale: number): void {
  if (!x.some((each) => Math.abs(Math.abs(each) / scale - 0.5) < 2 ** -20)) return;
  throw new Refusal(
    "a weight of its ternary kernel lies at the threshold, and rounding decides what it is",
    "a number as alpha",
  );
}
