import { CheckpointError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";
import type { Builder, Result, Step, Weighted } from "../arch/builder.ts";
import { unfit } from "../arch/builder.ts";
import type { Layer } from "../arch/layers.ts";
import { addLayer } from "../arch/ops.ts";
import { Refusal } from "../refusal.ts";
import { elements } from "../tensor.ts";
import type { StoredTensor } from "../weights_file.ts";
import { isExtent, MAX_EXTENT } from "../window.ts";
import { type Fields, text } from "./fields.ts";
import { kernelQuantizer, quantizeBias, quantizeData } from "./quantize.ts";
import { isQuantizer, type Quantizer, readQuantizer } from "./quantizers.ts";

// What layers of Keras, Larq and QKeras become.

/** What a layer gives. A vector is a picture of one position until something needs it flat. */
export interface Value extends Result {
  /** Axes behind the batch, as Keras counts them. A line of one axis and channels is a picture of one row. */
  axes: 1 | 2 | 3;
  /** Set for an input of the network as it is: its shape is that of Keras. */
  isRaw?: boolean;
}

/** A layer that is applied. */
export interface Call {
  to: Builder;
  /** Name of the result. */
  name: string;
  className: string;
  fields: Fields;
  inputs: Value[];
  /** A variable of the layer, by the name that it has in the model. `index`: how many stand before it. Undefined if it is not in the file. */
  variable(name: string, index: number): Variable | undefined;
  /** Tries to take the network's input as one of another shape. Undefined where something has read it already. */
  takeInput(input: Value, shape: number[]): Value | undefined;
  /** An input of the network as layers read it. */
  entered(input: Value): Value;
  note(sentence: string): void;
}

/** A variable, and what takes another tensor in its place. */
export interface Variable {
  name: string;
  tensor: StoredTensor;
  replace(tensor: StoredTensor): void;
}

/** What layers are called, and the function that makes nodes of them. */
export const LAYERS: Record<string, (call: Call) => Value> = {
  Conv2D: (call) => convolution(call, 2),
  Conv1D: (call) => convolution(call, 1),
  DepthwiseConv2D: (call) => depthwise(call, 2),
  DepthwiseConv1D: (call) => depthwise(call, 1),
  SeparableConv2D: (call) => separable(call, 2),
  SeparableConv1D: (call) => separable(call, 1),
  Dense: dense,

  QuantConv2D: (call) => convolution(call, 2),
  QuantConv1D: (call) => convolution(call, 1),
  QuantDepthwiseConv2D: (call) => depthwise(call, 2),
  QuantDense: dense,

  QConv2D: (call) => convolution(call, 2),
  QConv1D: (call) => convolution(call, 1),
  QDepthwiseConv2D: (call) => depthwise(call, 2),
  QDense: dense,
  QActivation: (call) => apply(call, activation(call)),

  BatchNormalization: batchNormalization,
  Activation: (call) => apply(call, activation(call)),
  ReLU: relu,
  Softmax: softmax,

  MaxPooling2D: (call) => pool(call, "maxpool", 2),
  MaxPooling1D: (call) => pool(call, "maxpool", 1),
  AveragePooling2D: (call) => pool(call, "avgpool", 2),
  AveragePooling1D: (call) => pool(call, "avgpool", 1),
  GlobalMaxPooling2D: (call) => globalPool(call, "maxpool"),
  GlobalMaxPooling1D: (call) => globalPool(call, "maxpool"),
  GlobalAveragePooling2D: (call) => globalPool(call, "avgpool"),
  GlobalAveragePooling1D: (call) => globalPool(call, "avgpool"),

  Add: add,
  Concatenate: concatenate,

  ZeroPadding2D: (call) => zeroPadding(call, 2),
  ZeroPadding1D: (call) => zeroPadding(call, 1),
  Flatten: (call) => reshaped(call, [-1]),
  Reshape: (call) => reshaped(call, call.fields.list("target_shape")),

  Dropout: onlyInput,
  SpatialDropout2D: onlyInput,
  GaussianNoise: onlyInput,
  ActivityRegularization: onlyInput,
};

/** Something that a layer does on its way, and adds nodes for. */
type Part = (step: Step) => Result;

export function whereOf({ name, className }: Pick<Call, "name" | "className">): string {
  return `layer "${shown(name)}" (${shown(className)})`;
}

function onlyInput(call: Call): Value {
  const [input, ...others] = call.inputs;
  if (input && others.length === 0) return input;
  throw new CheckpointError(`${whereOf(call)}: ${call.inputs.length} inputs, expected one`);
}

/** Does parts one after another; the last gives the layer's result. No parts leave the input as it is. */
function apply(call: Call, parts: readonly Part[], axes?: Value["axes"]): Value {
  const input = onlyInput(call);
  const result = parts.reduce((from: Result, part, i) => part(stepOf(call, from, i < parts.length - 1)), input);
  return { ...result, axes: axes ?? input.axes };
}

function stepOf({ to, name, className }: Call, input: Result, hasMore: boolean): Step {
  const step = to.step(name, className, whereOf({ name, className }), input);
  if (!hasMore) return step;
  return { ...step, emit: (op, inputs, shape, attributes) => step.emit(op, inputs, shape, attributes, "more") };
}

// Layers with weights

/** What a layer of the arch has beside what Keras says. */
const COMMON = { from: undefined, flipped: undefined } as const;

function convolution(call: Call, axes: 1 | 2): Value {
  const { name, fields } = call;
  const kernel = kernelOf(call, "kernel", axes);
  const bias = biasOf(call, 1);
  const layer: Weighted<"conv2d"> = {
    ...COMMON,
    ...windowOf(call, axes),
    ...{ op: "conv2d", name, layout: "HWIO", groups: fields.whole("groups", 1, 1, MAX_EXTENT) },
    tensors: { weight: kernel.name, bias },
    weights: quantizerOf(call, "kernel_quantizer"),
  };
  return layered(call, axes, (step) => addLayer(call.to, step, layer));
}

function depthwise(call: Call, axes: 1 | 2): Value {
  return layered(call, axes, depthwiseOf(call, axes, biasOf(call, 1), "depthwise_quantizer"));
}

function depthwiseOf(call: Call, axes: 1 | 2, bias: string | false, quantizer: string): Part {
  // Keras 3 has another name for that of a DepthwiseConv2D
  const variable = call.variable("depthwise_kernel", 0) ? "depthwise_kernel" : "kernel";
  const kernel = kernelOf(call, variable, axes);
  const layer: Weighted<"depthwise"> = {
    ...COMMON,
    ...windowOf(call, axes),
    ...{ op: "depthwise", name: call.name, layout: "HWIO" },
    tensors: { weight: kernel.name, bias },
    weights: quantizerOf(call, quantizer),
  };
  return (step) => addLayer(call.to, step, layer);
}

/** A depthwise convolution, and one of single positions behind it. */
function separable(call: Call, axes: 1 | 2): Value {
  const { to, name } = call;
  const pointwise = kernelOf(call, "pointwise_kernel", axes, 1);
  const layer: Weighted<"conv2d"> = {
    ...COMMON,
    ...{ op: "conv2d", name, layout: "HWIO", stride: 1, padding: 0, dilation: 1, groups: 1 },
    tensors: { weight: pointwise.name, bias: biasOf(call, 2) },
    weights: undefined,
  };
  const first = depthwiseOf(call, axes, false, "depthwise_quantizer");
  return layered(call, axes, first, (step) => addLayer(to, step, layer));
}

function dense(call: Call): Value {
  const { to, name } = call;
  const kernel = variableOf(call, "kernel", 0);
  const layer: Weighted<"dense"> = {
    ...{ op: "dense", name, from: undefined, layout: "IO", packed: undefined, activations: undefined },
    tensors: { weight: kernel.name, bias: biasOf(call, 1) },
    weights: quantizerOf(call, "kernel_quantizer"),
  };
  const input = onlyInput(call);
  if (elements(input.shape) !== input.shape[0]) {
    const shape = kerasShape(input).join(", ");
    throw new Refusal(
      `its input has shape [${shape}], and it is applied at each position`,
      "a Flatten before it, or a Conv2D of 1 × 1",
    );
  }
  return layered(call, undefined, (step) => addLayer(to, step, layer));
}

/** A layer between the quantizer of its input and its activation. `axes` of positions that it looks at; of vectors, undefined. */
function layered(call: Call, axes: 1 | 2 | undefined, ...layer: Part[]): Value {
  const input = onlyInput(call);
  if (axes !== undefined) requirePicture(call, input, axes);
  const quantizer = readQuantizer(call.fields.get("input_quantizer"), whereOf(call), false);
  const before = quantizer ? [dataQuantizer(call, quantizer)] : [];
  const flat = axes === undefined && input.shape.length > 1 ? [flatten] : [];
  return apply(call, [...before, ...flat, ...layer, ...activation(call)]);
}

function requirePicture(call: Call, input: Value, axes: 1 | 2): void {
  if (input.axes === axes + 1) return;
  const expected = axes === 2 ? "height, width and channels" : "length and channels";
  throw new CheckpointError(
    `${whereOf(call)}: its input has shape [${kerasShape(input).join(", ")}], expected ${expected}`,
  );
}

/** Sizes behind the batch, as Keras has them. */
export function kerasShape({ shape, axes, isRaw }: Value): number[] {
  if (isRaw) return [...shape];
  const [channels, height = 1, width = 1] = shape;
  return [height, width, channels!].slice(3 - axes);
}

function variableOf(call: Call, name: string, index: number): Variable {
  const found = call.variable(name, index);
  if (found) return found;
  throw new CheckpointError(`${whereOf(call)}: its ${name} is not in the file`);
}

/** The kernel of a window. That of a line is one of one row. */
function kernelOf(call: Call, name: string, axes: 1 | 2, index = 0): Variable {
  const variable = variableOf(call, name, index);
  const { dims } = variable.tensor;
  if (dims.length !== axes + 2) {
    throw unfit(stepOf(call, onlyInput(call), false), name, variable.name, dims, `${axes + 2} axes`);
  }
  if (axes === 1) variable.replace({ ...variable.tensor, dims: [1, ...dims] });
  return variable;
}

/** The name of a layer's bias, behind so many kernels; false if it has none. */
function biasOf(call: Call, index: number): string | false {
  const { fields } = call;
  if (!fields.flag("use_bias", true)) return false;
  const bias = variableOf(call, "bias", index);
  const quantizer = readQuantizer(fields.get("bias_quantizer"), whereOf(call), false);
  if (quantizer) bias.replace(quantizeBias(bias.tensor, quantizer));
  return bias.name;
}

function quantizerOf(call: Call, field: string): Weighted["weights"] {
  const quantizer = readQuantizer(call.fields.get(field), whereOf(call), true);
  return quantizer && kernelQuantizer(call, quantizer);
}

/** Stride, padding and dilation of a layer. */
function windowOf({ fields }: Call, axes: 1 | 2): Pick<Layer<"conv2d">, "stride" | "padding" | "dilation"> {
  requireChannelsLast(fields);
  if (fields.number("pad_values", 0) !== 0) {
    throw new Refusal(`its pad_values are ${text(fields.get("pad_values"))}`, "zeros around pictures: pad_values=0");
  }
  return {
    stride: fields.pair("strides", axes, [1, 1]),
    padding: paddingOf(fields),
    dilation: fields.pair("dilation_rate", axes, [1, 1]),
  };
}

function requireChannelsLast(fields: Fields): void {
  const format = fields.text("data_format", "channels_last");
  if (format === "channels_last") return;
  const instead =
    'the same layers with data_format="channels_last": kernels are the same, and set_weights takes them over';
  throw new Refusal(`its data_format is "${shown(format)}"`, instead);
}

function paddingOf(fields: Fields): "same" | "valid" {
  const padding = fields.text("padding", "valid");
  if (padding === "same" || padding === "valid") return padding;
  throw new Refusal(`its padding is "${shown(padding)}"`, 'padding "same" or "valid"');
}

function batchNormalization(call: Call): Value {
  const { to, name, fields } = call;
  const input = onlyInput(call);
  const axis = [fields.get("axis") ?? -1].flat();
  if (axis.length !== 1 || (axis[0] !== -1 && axis[0] !== input.axes)) {
    throw new Refusal(
      `its axis is ${text(fields.get("axis"))} of ${input.axes + 1}`,
      "the axis of channels, the last one",
    );
  }
  const present = [
    ...(fields.flag("scale", true) ? ["gamma"] : []),
    ...(fields.flag("center", true) ? ["beta"] : []),
    ...["moving_mean", "moving_variance"],
  ];
  const nameOf = (variable: string): string => variableOf(call, variable, present.indexOf(variable)).name;
  const layer: Layer<"batch_norm"> = {
    ...{ op: "batch_norm", name, from: undefined, epsilon: fields.number("epsilon", 1e-3) },
    tensors: {
      weight: present.includes("gamma") && nameOf("gamma"),
      bias: present.includes("beta") && nameOf("beta"),
      mean: nameOf("moving_mean"),
      variance: nameOf("moving_variance"),
      inverse_deviation: undefined,
    },
  };
  return apply(call, [(step) => addLayer(to, step, layer)]);
}

// Activations

/** What an activation does: nothing, if it is linear. */
function activation(call: Call): Part[] {
  const given = call.fields.get("activation") ?? "linear";
  if (isQuantizer(given)) {
    const quantizer = readQuantizer(given, whereOf(call), false);
    return quantizer ? [dataQuantizer(call, quantizer)] : [];
  }
  const name = functionName(given);
  const read = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (!read) throw new Refusal(`its activation is "${shown(name)}"`, Object.keys(ACTIVATIONS).join(", "));
  return read(call);
}

const ACTIVATIONS: Record<string, (call: Call) => Part[]> = {
  linear: () => [],
  relu: () => [({ input, emit }) => emit("Relu", [input.value], input.shape)],
  relu6: (call) => [clipped(call, 6)],
  softmax: (call) => [
    ...flatParts(onlyInput(call)),
    ({ input, emit }) => emit("Softmax", [input.value], input.shape, { axis: -1n }),
  ],
};

/** The name of a function, which may be written down as an object. */
function functionName(value: unknown): string {
  if (typeof value === "string") return value;
  const { class_name: className, config } = value as Record<string, unknown>;
  return className === "function" && typeof config === "string"
    ? config
    : typeof className === "string"
      ? className
      : text(value);
}

/** 0 … most. */
function clipped({ to }: Call, most: number): Part {
  return ({ input, emit }) => emit("Clip", [input.value, to.number(0), to.number(most)], input.shape);
}

function relu(call: Call): Value {
  const { fields } = call;
  for (const field of ["negative_slope", "threshold"]) {
    if (fields.number(field, 0) !== 0)
      throw new Refusal(`its ${field} is ${text(fields.get(field))}`, `a ReLU with ${field}=0`);
  }
  const most = fields.get("max_value") === undefined ? undefined : fields.number("max_value", 0);
  return apply(call, most === undefined ? ACTIVATIONS.relu!(call) : [clipped(call, most)]);
}

function softmax(call: Call): Value {
  const { axes } = onlyInput(call);
  const axis = [call.fields.get("axis") ?? -1].flat();
  if (axis.length !== 1 || (axis[0] !== -1 && axis[0] !== axes)) {
    throw new Refusal(`its axis is ${text(call.fields.get("axis"))}`, "the axis of channels, the last one");
  }
  return apply(call, ACTIVATIONS.softmax!(call));
}

function dataQuantizer({ to }: Call, quantizer: Quantizer): Part {
  return (step) => quantizeData(to, step, quantizer);
}

// Pools

function pool(call: Call, op: "maxpool" | "avgpool", axes: 1 | 2): Value {
  const { to, name, fields } = call;
  requireChannelsLast(fields);
  requirePicture(call, onlyInput(call), axes);
  const kernel = fields.pair("pool_size", axes, axes === 2 ? [2, 2] : [1, 2]);
  const layer = {
    ...{ name, from: undefined, kernel, stride: fields.pair("strides", axes, kernel), padding: paddingOf(fields) },
    counts_padding: false,
  };
  return apply(call, [(step) => addLayer(to, step, { op, ...layer })]);
}

function globalPool(call: Call, op: "maxpool" | "avgpool"): Value {
  const { to, name, fields } = call;
  requireChannelsLast(fields);
  const { axes } = onlyInput(call);
  const layer = {
    name,
    from: undefined,
    kernel: "global",
    stride: undefined,
    padding: undefined,
    counts_padding: undefined,
  } as const;
  return apply(call, [(step) => addLayer(to, step, { op, ...layer })], fields.flag("keepdims", false) ? axes : 1);
}

// Several inputs

function add(call: Call): Value {
  const [first, ...others] = operandsOf(call);
  const total = others.reduce((a, b, i) => {
    if (`${a.shape}` !== `${b.shape}`) throw differ(call, "equal shapes");
    const { emit } = stepOf(call, a, i < others.length - 1);
    return emit("Add", [a.value, b.value], a.shape);
  }, first as Result);
  return { ...total, axes: first.axes };
}

function concatenate(call: Call): Value {
  const operands = operandsOf(call);
  const first = operands[0];
  const axis = call.fields.number("axis", -1);
  if (axis !== -1 && axis !== first.axes)
    throw new Refusal(`its axis is ${axis}`, "the axis of channels, the last one");
  const positions = ({ shape }: Value) => `${shape.slice(1)}`;
  if (!operands.every((each) => positions(each) === positions(first)))
    throw differ(call, "equal but for their channels");
  const channels = operands.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const values = operands.map(({ value }) => value);
  const { emit } = stepOf(call, first, false);
  return { ...emit("Concat", values, [channels, ...first.shape.slice(1)], { axis: 1n }), axes: first.axes };
}

/** Operands of as many axes; where one is a flat vector, all are. */
function operandsOf(call: Call): [Value, ...Value[]] {
  const [first, ...others] = call.inputs;
  if (!first || others.length === 0)
    throw new CheckpointError(`${whereOf(call)}: ${call.inputs.length} inputs, expected two or more`);
  if (!others.every(({ axes }) => axes === first.axes)) throw differ(call, "as many axes");
  const isFlat = call.inputs.some(({ shape }) => shape.length === 1);
  const flat = (value: Value): Value => (isFlat ? { ...flatten(stepOf(call, value, true)), axes: value.axes } : value);
  return [flat(first), ...others.map(flat)];
}

function differ(call: Call, expected: string): CheckpointError {
  const shapes = call.inputs.map((input) => `[${kerasShape(input).join(", ")}]`);
  return new CheckpointError(`${whereOf(call)}: inputs of shapes ${shapes.join(", ")}, expected ${expected}`);
}

// Shapes

function flatParts({ shape }: Value): Part[] {
  return shape.length > 1 && elements(shape) === shape[0] ? [flatten] : [];
}

/** A vector of all elements, in the order of Keras: channels last. */
export function flatten({ input, emit }: Step): Result {
  if (input.shape.length === 1) return input;
  const [c, h, w] = input.shape as [number, number, number];
  const turned = h * w === 1 ? input : emit("Transpose", [input.value], [h, w, c], { perm: [0n, 2n, 3n, 1n] }, "more");
  return emit("Flatten", [turned.value], [c * h * w], { axis: 1n });
}

function zeroPadding(call: Call, axes: 1 | 2): Value {
  const { to, fields } = call;
  requireChannelsLast(fields);
  const input = onlyInput(call);
  requirePicture(call, input, axes);
  const given = fields.get("padding") ?? 1;
  // one number for all sides, one for each axis, or two of them
  const list =
    Array.isArray(given) && (axes === 2 || given.length === 1) ? given : axes === 2 ? [given, given] : [given];
  const sides = list.map((each) => (Array.isArray(each) ? each : [each, each]));
  const isGood =
    sides.length === axes &&
    sides.every((pair) => pair.length === 2 && pair.every((size) => typeof size === "number" && isExtent(size, 0)));
  if (!isGood) throw fields.fail("padding", `numbers of 0 to ${MAX_EXTENT} for each axis`);
  const [[left, right], [top, bottom] = [0, 0]] = sides.toReversed() as [[number, number], [number, number]?];
  const [c, h, w] = input.shape as [number, number, number];
  const shape = [c, h + top + bottom, w + left + right];
  const pads = to.whole([0, 0, top, left, 0, 0, bottom, right]);
  return apply(call, [({ input: { value }, emit }) => emit("Pad", [value, pads], shape)]);
}

/** The same elements under another shape: a vector; or a picture, of an input or of a vector of as many channels. */
function reshaped(call: Call, target: readonly unknown[]): Value {
  const given = onlyInput(call);
  const count = elements(given.shape);
  const known = target.reduce<number>((product, size) => (size === -1 ? product : product * Number(size)), 1);
  const sizes = target.map((size) => (size === -1 ? count / known : Number(size)));
  const rank = sizes.length;
  if (
    !sizes.every((size) => Number.isInteger(size) && size >= 1) ||
    elements(sizes) !== count ||
    rank < 1 ||
    rank > 3
  ) {
    throw call.fields.fail("target_shape", `1 to 3 sizes of ${count} elements together`);
  }
  const axes = rank as Value["axes"];
  if (given.isRaw && axes === 1) {
    return apply(call, [({ input: { value }, emit }) => emit("Flatten", [value], sizes, { axis: 1n })], axes);
  }
  const taken = given.isRaw ? call.takeInput(given, sizes) : undefined;
  if (taken) return taken;
  const input = call.entered(given);
  const own = kerasShape(input);
  const isVector = count === input.shape[0];
  if (axes === 1) return isVector ? { ...input, axes } : apply(call, [flatten], axes);
  const channels = sizes.at(-1)!;
  if (`${sizes}` === `${own}` || (isVector && count === channels)) return { ...input, axes };
  const significant = (shape: readonly number[]) => `${shape.filter((size) => size !== 1)}`;
  const keepsChannels = channels === input.shape[0] && significant(sizes) === significant(own);
  if (keepsChannels && input.shape.length === 3) {
    const [height, width] = axes === 3 ? (sizes as [number, number]) : [1, sizes[0]!];
    const shape = [channels, height, width];
    const target = call.to.whole([0, ...shape]);
    return apply(
      { ...call, inputs: [input] },
      [({ input: { value }, emit }) => emit("Reshape", [value, target], shape)],
      axes,
    );
  }
  throw new Refusal(
    `it makes [${sizes.join(", ")}] of [${own.join(", ")}]`,
    "a vector, or a Reshape of the network's input",
  );
}
