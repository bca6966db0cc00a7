import { InputError } from "../../base/errors.ts";
import { isObject, parseJson } from "../../base/json.ts";
import { MAX_NODES, MAX_ROW_ELEMENTS } from "../../base/limits.ts";
import { didYouMean } from "../../base/nearest.ts";
import { shown } from "../../base/printable.ts";
import { MAX_EXTENT } from "../window.ts";
import {
  either,
  FLAG,
  type Kind,
  list,
  NAME,
  NONE,
  NOT_NEGATIVE,
  needed,
  object,
  oneOf,
  optional,
  POSITIVE,
  QUOTIENT,
  type Read,
  type Value,
  whole,
} from "./kinds.ts";

// The words of a network described by hand: docs/arch.md explains them, docs/arch.schema.json is made of them.

/** Layers become up to fifteen nodes each. */
const MAX_LAYERS = MAX_NODES / 16;

/** A layer takes some hundred bytes. */
export const MAX_ARCH_BYTES = 2 ** 22;

/** A factor: a number, a quotient, or a tensor of the file with one number or one per channel. */
const FACTOR = either(
  POSITIVE,
  QUOTIENT,
  object({ tensor: needed(NAME, "Name of the tensor that holds it: one number, or one per channel") }),
);
export type Factor = Value<typeof FACTOR>;

const EXTENT = whole(1, MAX_EXTENT);
const PADDING_EXTENT = whole(0, MAX_EXTENT);

/** One number for both directions, or one for each. */
const PAIR = either(EXTENT, list(EXTENT, 2, 2));
export type Pair = Value<typeof PAIR>;

const PADDING = either(PADDING_EXTENT, oneOf("same", "valid"), list(PADDING_EXTENT, 2, 2), list(PADDING_EXTENT, 4, 4));
export type Padding = Value<typeof PADDING>;

/** Quantizers of weights by one word. */
const WEIGHT_WORDS = oneOf("ternary", "binary", "codes", 2, 3, 4, 8, "2sym", "4sym");

const WEIGHTS = either(
  WEIGHT_WORDS,
  object({
    as: needed(
      WEIGHT_WORDS,
      "What the weights become: −s, 0, s; −s, s; the integers that they are; codes of so many bits; or codes halfway between integers",
    ),
    scale: optional(
      either(oneOf("absmean", "absmax"), FACTOR),
      "The s that a code is multiplied by: measured on the tensor, or given",
    ),
    per: optional(oneOf("tensor", "channel"), "One measured scale for the tensor, or one for each output channel"),
    times: optional(either(POSITIVE, QUOTIENT), "What a measured scale is multiplied by; 1 if not said"),
    divides: optional(FLAG, "Of codes: whether they are divided by the given scale, in place of multiplied"),
    centred: optional(FLAG, "Of binary weights: whether their mean is taken from them first, as in BitNet"),
  }),
);
export type WeightsQuantizer = Exclude<Value<typeof WEIGHTS>, string | number>;

const tensorName = (otherwise: string) => optional(NAME, `Name of the tensor; NAME.${otherwise} if not said`);
const anyTensor = (otherwise: string) =>
  optional(
    either(NAME, NONE),
    `Name of the tensor, or false for none; NAME.${otherwise} if not said, and none where that is not there`,
  );

const COMMON = {
  name: optional(
    NAME,
    "Name of the layer and of its result; the tensors' names begin with it. Its op and place if not said",
  ),
  from: optional(NAME, "The layer whose result it takes; the one before it if not said"),
};

const WEIGHTED = {
  ...COMMON,
  tensors: optional(object({ weight: tensorName("weight"), bias: anyTensor("bias") }), "Where its tensors are"),
  weights: optional(WEIGHTS, "How the weights are quantized; left out where they are integers times a scale already"),
};

const WINDOW = {
  stride: optional(PAIR, "1 if not said; of pools, the kernel"),
  padding: optional(
    PADDING,
    'Zeros around the picture: on all sides; [rows, columns]; [top, left, bottom, right]; "same" or "valid". 0 if not said',
  ),
};

const OUTPUTS = optional(EXTENT, "Channels of its result; those of its weights if not said: a trainer has none yet");

const CONV = {
  ...WEIGHTED,
  outputs: OUTPUTS,
  kernel: optional(PAIR, "Height and width of the window; those of its weights if not said: a trainer has none yet"),
  layout: optional(
    oneOf("OIHW", "HWIO"),
    "Axes of the weights: outputs, inputs, height, width, as PyTorch has them (if not said), or as Keras has them",
  ),
  flipped: optional(FLAG, "Whether kernels are stored for true convolution, turned by 180 degrees"),
  ...WINDOW,
  dilation: optional(PAIR, "1 if not said"),
};

const KERNEL = needed(either(PAIR, oneOf("global")), 'Size of the window; "global": the whole picture');

/** Fields of each kind of layer, beside `op`. */
const LAYERS = {
  dense: {
    ...WEIGHTED,
    outputs: OUTPUTS,
    activations: optional(
      oneOf(8, 4),
      "Bits of codes that its input becomes, scaled by the greatest |x| of each position, as in BitNet's BitLinear",
    ),
    layout: optional(
      oneOf("OI", "IO"),
      "Axes of the weights: outputs, inputs, as PyTorch has them (if not said), or inputs, outputs, as Keras has them",
    ),
    packed: optional(
      oneOf("rows-of-four"),
      "Ternary weights, four rows to a byte, as Hugging Face's BitNet has them: outputs r, r + a quarter of all, and so on, each code and 1 in two bits",
    ),
  },
  conv2d: { ...CONV, groups: optional(EXTENT, "1 if not said") },
  depthwise: CONV,
  batch_norm: {
    ...COMMON,
    tensors: optional(
      object({
        weight: anyTensor("weight"),
        bias: anyTensor("bias"),
        mean: tensorName("running_mean"),
        variance: tensorName("running_var"),
        inverse_deviation: optional(NAME, "Name of a tensor of 1 / deviation, in place of variance and epsilon"),
      }),
      "Where its tensors are",
    ),
    epsilon: optional(NOT_NEGATIVE, "0.00001 if not said, as in PyTorch; Keras has 0.001"),
  },
  bias: { ...COMMON, tensors: optional(object({ bias: tensorName("bias") }), "Where its tensor is") },
  relu: COMMON,
  sign: { ...COMMON, scale: optional(FACTOR, "Gives −s and s, and s for 0; 1 if not said") },
  quantize: {
    ...COMMON,
    bits: needed(whole(1, 16), "Bits of a code"),
    signed: needed(FLAG, "Whether codes may be negative"),
    scale: needed(FACTOR, "What a code is multiplied by"),
    zero: optional(whole(-32768, 65535), "The code of 0; 0 if not said"),
    narrow: optional(FLAG, "Whether the least code is left out, so that codes are symmetric"),
  },
  maxpool: { ...COMMON, kernel: KERNEL, ...WINDOW },
  avgpool: {
    ...COMMON,
    kernel: KERNEL,
    ...WINDOW,
    counts_padding: optional(FLAG, "Whether zeros of the padding count in the mean; to be said where there is padding"),
  },
  flatten: {
    ...COMMON,
    order: optional(oneOf("chw", "hwc"), "Order of the vector's elements; that of the input's layout if not said"),
  },
  shortcut: {
    ...COMMON,
    stride: optional(PAIR, "Every so many rows and columns are kept; 1 if not said"),
    channels: needed(EXTENT, "Channels of the result: those of the input, and as many zeros before as behind them"),
  },
  add: { ...COMMON, with: needed(NAME, "The layer whose result is added") },
  argmax: COMMON,
  tokens: COMMON,
  class_token: { ...COMMON, tensors: optional(object({ token: tensorName("token") }), "Where its tensor is") },
  positions: { ...COMMON, tensors: optional(object({ embedding: tensorName("embedding") }), "Where its tensor is") },
  layer_norm: {
    ...COMMON,
    tensors: optional(object({ weight: anyTensor("weight"), bias: anyTensor("bias") }), "Where its tensors are"),
    epsilon: optional(NOT_NEGATIVE, "0.00001 if not said, as in PyTorch; timm and Keras have 0.000001 and 0.001"),
  },
  rms_norm: {
    ...COMMON,
    tensors: optional(object({ weight: anyTensor("weight") }), "Where its tensor is"),
    epsilon: optional(NOT_NEGATIVE, "0.00001 if not said"),
  },
  gelu: {
    ...COMMON,
    approximate: optional(oneOf("tanh"), "The approximation by tanh; the error function if not said"),
  },
  silu: COMMON,
  relu2: COMMON,
  multiply: { ...COMMON, with: needed(NAME, "The layer whose result it is multiplied by, element by element") },
  attention: {
    ...COMMON,
    heads: needed(EXTENT, "Heads, of equally many channels"),
    keys: optional(NAME, "The layer that gives keys; if not said, the input is queries, keys and values side by side"),
    values: optional(NAME, "The layer that gives values; said where keys are"),
  },
  mean: COMMON,
  pick: { ...COMMON, position: needed(whole(0, MAX_EXTENT), "Which position: 0 is the class token") },
};

/** Layers of sequences [positions, channels], which compute in floats. */
export const OF_SEQUENCES = [
  "tokens",
  "class_token",
  "positions",
  "layer_norm",
  "rms_norm",
  "gelu",
  "silu",
  "relu2",
  "multiply",
  "attention",
  "mean",
  "pick",
] as const satisfies (keyof typeof LAYERS)[];

export type LayerOp = keyof typeof LAYERS;

export type Layer<Op extends LayerOp = LayerOp> = {
  [O in Op]: { op: O; name: string } & Omit<Read<(typeof LAYERS)[O]>, "name">;
}[Op];

const OPS = Object.keys(LAYERS) as LayerOp[];
const KINDS = Object.fromEntries(
  OPS.map((op) => [op, object({ op: needed(oneOf(op), "Kind of the layer"), ...LAYERS[op] })]),
) as unknown as Record<LayerOp, Kind<Layer>>;

/** One of the layers, by its `op`. */
const LAYER: Kind<Layer> = {
  expected: `a layer with an op of ${OPS.join(", ")}`,
  schema: { oneOf: OPS.map((op) => KINDS[op].schema) },
  read(value, path) {
    const { op } = isObject(value) ? value : {};
    if (typeof op === "string" && Object.hasOwn(KINDS, op)) return KINDS[op as LayerOp].read(value, path);
    const hint = typeof op === "string" ? didYouMean(op, OPS) : "";
    throw new InputError(
      `${path}.op: found ${shown(`${JSON.stringify(op)}`)}${hint || ","} expected ${OPS.join(", ")}`,
    );
  },
};

const ARCH = object({
  $schema: optional(NAME, "Where this schema is"),
  name: optional(NAME, "Name of the network"),
  input: needed(
    object({
      name: optional(NAME, '"input" if not said'),
      shape: needed(
        list(whole(1, MAX_ROW_ELEMENTS), 1, 3),
        "Of one sample: [features], or the three axes of a picture",
      ),
      layout: optional(oneOf("chw", "hwc"), "Axes of a picture: channels first (if not said) or last"),
      quantizer: optional(
        object({
          bits: LAYERS.quantize.bits,
          signed: LAYERS.quantize.signed,
          scale: LAYERS.quantize.scale,
          zero: LAYERS.quantize.zero,
          narrow: LAYERS.quantize.narrow,
        }),
        "What makes codes of the input: a layer quantize before the others",
      ),
    }),
    "What goes in",
  ),
  layers: needed(list(LAYER, 1, MAX_LAYERS), "In the order in which they run; the last one's result is the output"),
});

/** A network described by hand. Every layer has a name that nothing else has. */
export type Arch = Omit<Value<typeof ARCH>, "layers"> & { layers: Layer[] };

export function archSchema(): object {
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  return { $schema, title: "A network described by hand, for Little Tern", ...ARCH.schema };
}

export type SequenceOp = (typeof OF_SEQUENCES)[number];

export function isOfSequences(op: LayerOp): op is SequenceOp {
  return OF_SEQUENCES.some((each) => each === op);
}

/** Whether a layer computes in floats whatever its weights are. */
export function isFloatLayer(layer: Layer): boolean {
  return isOfSequences(layer.op) || (layer.op === "dense" && layer.activations !== undefined);
}

/** Reads a network described by hand. Throws InputError. */
export function readArch(text: string): Arch {
  const fail = (message: string) => new InputError(`arch: the text ${message}`);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > MAX_ARCH_BYTES) throw fail(`has ${bytes.length} bytes, expected at most ${MAX_ARCH_BYTES}`);
  const arch = ARCH.read(parseJson(bytes, fail), "arch");
  const names = new Set([arch.input.name ?? "input"]);
  const layers = arch.layers.map((layer, i) => {
    const name = layer.name ?? `${layer.op}_${i}`;
    if (names.has(name))
      throw new InputError(`arch.layers[${i}].name: "${shown(name)}" is the name of something before it`);
    names.add(name);
    return { ...layer, name };
  });
  return { ...arch, layers };
}
