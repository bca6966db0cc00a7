import { CheckpointError, type Unsupported, UnsupportedError } from "../../base/errors.ts";
import { MAX_NODES, MAX_ROW_ELEMENTS } from "../../base/limits.ts";
import type { Graph, GraphInput, Node } from "../../graph/graph.ts";
import type { FloatNode, FloatOp } from "../../graph/ops/float.ts";
import { meaningOf } from "../../graph/ops/index.ts";
import { inputPicture } from "../../graph/shapes.ts";
import type { FloatPost } from "../../program.ts";
import { isSameShape, type Picture, shapeText } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { elements, type Tensor, transpose } from "../tensor.ts";
import { type Attributes, attributesOf } from "./call.ts";
import type { GraphProto, NodeProto } from "./proto.ts";
import { readTensor } from "./tensor.ts";
import {
  hasChannelsLast,
  isPlain,
  isSame,
  lastIndices,
  merged,
  patchesOf,
  reshaped,
  transposed,
  type View,
  viewOf,
} from "./view.ts";

// A float network of an ONNX file as one float region: encoders as PyTorch exports them, fused or decomposed. Every value is a view of a row of a graph's value
// (view.ts); what decomposed norms, GELU and attention have in between is kept as what it is on the way to. The axis of the batch counts as one of size 1.

/** What a decomposed function has become so far, of the values of a view: erf(x / √2), factor · (1 + that), factor · x · (1 + that). */
type Gelu = { kind: "erf" | "phi" | "gelu"; of: View; factor: number };
type Partial =
  | Gelu
  | { kind: "mean" | "centered" | "square" | "variance" | "deviation"; of: View; epsilon: number }
  | { kind: "scores" | "weights"; queries: string; keys: string; heads: number; scale: number; positions: number };

type Value = View | Partial | { kind: "constant"; tensor: Tensor } | { kind: "unknown" };

const PLAIN =
  "a network of encoders as torch.onnx exports it, of one axis of positions and one of channels behind the batch";

/** How far a constant of a decomposed function may be from what it stands for. */
const CLOSE = 1e-5;

/** Whether it is among the ops that float networks are made of. */
export function isRegionOp(op: string): boolean {
  return Object.hasOwn(OPS, op);
}

/** A file as a float graph. Throws UnsupportedError with all nodes that are in the way. */
export function importRegion(file: GraphProto): Graph {
  if (file.node.length > MAX_NODES) {
    throw new CheckpointError(`model.graph: ${file.node.length} nodes, expected at most ${MAX_NODES}`);
  }
  const region = new Region(file);
  const reasons: Unsupported[] = [];
  for (const node of file.node) {
    const [where, output] = [node.name || node.output[0] || "", node.output[0] ?? ""];
    try {
      region.add(node);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      reasons.push({ node: where, op: node.op_type ?? "", shape: "", why: error.why, instead: error.instead });
      region.values.set(output, { kind: "unknown" });
    }
  }
  if (reasons.length > 0) throw new UnsupportedError(reasons);
  return region.graph();
}

class Region {
  readonly values = new Map<string, Value>();
  readonly #file: GraphProto;
  readonly #inputs: GraphInput[];
  readonly #nodes: Node[] = [];
  readonly #makers = new Map<string, FloatNode>();
  readonly #pictures = new Map<string, Picture>();

  constructor(file: GraphProto) {
    this.#file = file;
    const constants = new Set(file.initializer.map(({ name }) => name));
    for (const tensor of file.initializer) {
      const { dims, data } = readTensor(tensor, tensor.name ?? "");
      this.values.set(tensor.name ?? "", { kind: "constant", tensor: { dims, data } });
    }
    this.#inputs = file.input.filter(({ name }) => !constants.has(name)).map((info) => inputOf(info));
    for (const input of this.#inputs) {
      const picture = inputPicture(input);
      this.#pictures.set(input.name, picture);
      this.values.set(input.name, inputView(input, picture));
    }
  }

  graph(): Graph {
    const outputs = this.#file.output.map(({ name = "" }) => {
      const view = this.#view(name);
      const end = this.#nodes.find(({ output }) => output === view.source);
      if (end?.op !== "softmax" && !isPlain(view))
        throw new CheckpointError(`output "${name}": a part of "${view.source}", expected all of a value`);
      return view.source;
    });
    return { name: "main", inputs: this.#inputs, nodes: this.#nodes, outputs, isFloat: true };
  }

  add(node: NodeProto): void {
    const op = node.op_type ?? "";
    const run = Object.hasOwn(OPS, op) ? OPS[op] : undefined;
    if (!run) throw new Refusal(`${op} is not among what float networks are made of`, Object.keys(OPS).join(", "));
    const inputs = node.input.map((name) => (name === "" ? undefined : this.#known(name)));
    if (inputs.some((value) => value?.kind === "unknown")) {
      for (const output of node.output) this.values.set(output, { kind: "unknown" });
      return;
    }
    const call: Call = {
      region: this,
      name: node.name || node.output[0] || "",
      inputs,
      outputs: node.output,
      attributes: attributesOf(node, `${op} "${node.name ?? ""}"`),
    };
    const made = run(call);
    for (const [i, value] of [made].flat().entries()) this.values.set(node.output[i] ?? "", value);
  }

  #known(name: string): Value {
    const value = this.values.get(name);
    if (!value) throw new CheckpointError(`value "${name}", which no node before defines`);
    return value;
  }

  #view(name: string): View {
    const value = this.#known(name);
    if (value.kind === "data") return value;
    throw new CheckpointError(`output "${name}": found ${value.kind}, expected what a layer gives`);
  }

  /** A node of the graph, and the view of what it gives. */
  emit(
    name: string,
    compute: FloatOp,
    inputs: string[],
    output: string,
    more: Pick<FloatNode, "weightsName"> = {},
  ): View {
    const pictures = inputs.map((input) => this.#pictures.get(input)!);
    const node: FloatNode = { op: "float", name, inputs, output, channels: 0, compute, ...more };
    const problem = meaningOf(node).problem(node, pictures);
    if (problem) throw new Refusal(problem, PLAIN);
    const picture = meaningOf(node).shape(node, pictures);
    node.channels = picture.channels;
    this.#nodes.push(node);
    this.#makers.set(output, node);
    this.#pictures.set(output, picture);
    return viewOf(output, picture);
  }

  /** The end of an output, which hosts compute. */
  emitSoftmax(name: string, { source, picture }: View, output: string): View {
    this.#nodes.push({ op: "softmax", name, inputs: [source], output, channels: picture.channels });
    return viewOf(output, picture);
  }

  isOutput(name: string): boolean {
    return this.#file.output.some((output) => output.name === name);
  }

  maker(view: View): FloatNode | undefined {
    return this.#makers.get(view.source);
  }
}

interface Call {
  region: Region;
  name: string;
  inputs: (Value | undefined)[];
  outputs: string[];
  attributes: Attributes;
}

/** The input of a file: [batch, channels, height, width], [batch, positions, channels] or [batch, channels]. */
function inputOf({ name = "", type }: GraphProto["input"][number]): GraphInput {
  const dims = type?.tensor_type?.shape?.dim.map(({ dim_value }) => dim_value) ?? [];
  const [, ...shape] = dims;
  const isKnown = shape.every((size) => size !== undefined && size > 0);
  if (shape.length < 1 || shape.length > 3 || !isKnown || elements(shape as number[]) > MAX_ROW_ELEMENTS) {
    throw new CheckpointError(
      `input "${name}": shape [${dims.map((size) => size ?? "?").join(", ")}], expected the batch and one to three sizes`,
    );
  }
  if (shape.length === 1) return { name, shape: shape as number[] };
  return { name, shape: shape as number[], layout: shape.length === 3 ? "chw" : "hwc" };
}

function inputView({ name, layout, shape }: GraphInput, picture: Picture): View {
  if (layout !== "chw") return viewOf(name, picture, shape.length > 1);
  const { height, width, channels } = picture;
  const axes = [
    [{ stride: 1, size: channels }],
    [{ stride: width * channels, size: height }],
    [{ stride: channels, size: width }],
  ];
  return { kind: "data", source: name, picture, axes: [[], ...axes.map(merged)], factor: 1 };
}

function constantOf({ inputs }: Call, index: number): Tensor {
  const value = inputs[index];
  if (value?.kind === "constant") return value.tensor;
  throw new Refusal(`its input ${index} is ${value?.kind ?? "absent"}, expected a constant`, PLAIN);
}

function dataOf({ inputs }: Call, index = 0): View {
  const value = inputs[index];
  if (value?.kind === "data") return value;
  throw new Refusal(`its input ${index} is ${value?.kind ?? "absent"} of a function that it is no part of`, PLAIN);
}

/** A value whose numbers are all of a row, in their order. */
function plainOf(call: Call, index = 0): View {
  const view = dataOf(call, index);
  if (isPlain(view)) return view;
  throw new Refusal(`its input ${index} has its axes in another order, or a part of "${view.source}"`, PLAIN);
}

const only = (call: Call): string => call.outputs[0] ?? "";

/** The one number of a constant. */
function scalarOf({ data }: Tensor): number | undefined {
  return data.length === 1 ? data[0] : undefined;
}

const isClose = (x: number, y: number): boolean => Math.abs(x - y) <= CLOSE * Math.abs(y);

/** The axis that an attribute tells, counted from the first. */
function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** A matrix product with weights (inputs, outputs), behind a view whose last axis is channels in some order, or patches. */
function linear(call: Call, weights: Tensor, bias: Float64Array | undefined, weightsName: string): View {
  const { region, name } = call;
  let view = dataOf(call);
  if (view.factor !== 1) throw new Refusal(`its input is still to be multiplied by ${view.factor}`, PLAIN);
  if (!hasChannelsLast(view)) {
    const patches = patchesOf(view);
    if (!patches) throw new Refusal("its input's last axis is neither channels nor patches", PLAIN);
    const { height, width } = patches;
    region.emit(name, { kind: "patches", height, width }, [view.source], `${only(call)}.patches`);
    view = { ...patches.view, source: `${only(call)}.patches` };
  }
  const { channels } = view.picture;
  const [inputs, outputs] = weights.dims as [number, number];
  if (weights.dims.length !== 2 || inputs !== channels) {
    throw new Refusal(`weights of [${weights.dims}] behind ${channels} channels`, "weights of (inputs, outputs)");
  }
  const floats = new Float32Array(inputs * outputs);
  lastIndices(view).forEach((at, k) => {
    for (let m = 0; m < outputs; m++) floats[m * inputs + at] = weights.data[k * outputs + m]!;
  });
  const hasPositions = view.axes.length > 2;
  const made = region.emit(
    name,
    { kind: "float_linear", floats, post: postOf(undefined, bias) },
    [view.source],
    only(call),
    { weightsName },
  );
  return hasPositions ? made : viewOf(made.source, made.picture, false);
}

function postOf(scale: Float64Array | undefined, bias: Float64Array | undefined): FloatPost {
  const records = Math.max(scale?.length ?? 1, bias?.length ?? 1);
  const of = (vector: Float64Array | undefined, other: number) =>
    Float32Array.from({ length: records }, (_, c) => vector?.[vector.length === 1 ? 0 : c] ?? other);
  return { kind: "float", records, scale: of(scale, 1), bias: of(bias, 0) };
}

/** The node of a value again, with another post; undefined where its op takes none. */
function reposted(
  call: Call,
  view: View,
  change: (post: FloatPost | undefined) => FloatPost | undefined,
): View | undefined {
  const maker = isPlain({ ...view, factor: 1 }) ? call.region.maker(view) : undefined;
  const compute = maker?.compute;
  if (!maker || (compute?.kind !== "float_linear" && compute?.kind !== "layer_norm")) return undefined;
  const post = change(compute.post);
  if (!post) return undefined;
  const { weightsName } = maker;
  const made = call.region.emit(
    maker.name,
    { ...compute, post },
    maker.inputs,
    only(call),
    weightsName === undefined ? {} : { weightsName },
  );
  return { ...view, source: made.source };
}

/** A constant as a vector of the channels of a view: undefined if it differs between positions. */
function channelVector({ dims, data }: Tensor, { picture: { channels } }: View): Float64Array | undefined {
  if (data.length === 1 || (data.length === channels && dims.at(-1) === channels)) return data;
  return undefined;
}

/** The parts of the last axis, each as a value of its own: of a layer, as many layers. */
function split(call: Call, sizes: readonly number[], axis: number): View[] {
  const view = dataOf(call);
  const maker = isPlain(view) ? call.region.maker(view) : undefined;
  const compute = maker?.compute;
  const { channels } = view.picture;
  if (axisOf(axis, view.axes.length) !== view.axes.length - 1 || compute?.kind !== "float_linear") {
    throw new Refusal("it splits something else than the channels of a layer", PLAIN);
  }
  if (sizes.reduce((a, b) => a + b, 0) !== channels || sizes.length !== call.outputs.length)
    throw new Refusal(`parts of ${sizes} of ${channels}`, PLAIN);
  let first = 0;
  return sizes.map((size, i) => {
    const [from, K] = [first, compute.floats.length / channels];
    first += size;
    const { records, scale, bias } = compute.post;
    const own = (vector: Float32Array) => (records === 1 ? vector : vector.slice(from, from + size));
    const post: FloatPost = { kind: "float", records: records === 1 ? 1 : size, scale: own(scale), bias: own(bias) };
    const floats = compute.floats.slice(from * K, (from + size) * K);
    const more = maker!.weightsName === undefined ? {} : { weightsName: maker!.weightsName };
    const made = call.region.emit(
      maker!.name,
      { kind: "float_linear", floats, post },
      maker!.inputs,
      call.outputs[i]!,
      more,
    );
    return {
      ...made,
      axes: [
        ...view.axes
          .slice(0, -1)
          .map((each) => each.map(({ stride, size: s }) => ({ stride: (stride / channels) * size, size: s }))),
        made.axes.at(-1)!,
      ],
    };
  });
}

/** Queries [heads, positions, size] and keys [heads, size, positions] as scores; undefined where they are something else. */
function scoresOf(a: View, b: View): Value | undefined {
  const { height, width, channels } = a.picture;
  const positions = height * width;
  if (!isSameShape(a.picture, b.picture)) return undefined;
  const size = a.axes.at(-1)!.reduce((product, atom) => product * atom.size, 1);
  const heads = channels / size;
  if (!isHeads(a, heads, positions, size) || b.axes.length < 2) return undefined;
  const order = b.axes.map((_, axis) => axis);
  const turned = transposed(b, [...order.slice(0, -2), order.length - 1, order.length - 2]);
  if (!isHeads(turned, heads, positions, size)) return undefined;
  return { kind: "scores", queries: a.source, keys: b.source, heads, scale: a.factor * b.factor, positions };
}

/** Whether a value's axes are heads, positions and the channels of a head. */
function isHeads({ axes, picture: { channels } }: View, heads: number, positions: number, size: number): boolean {
  const of = (stride: number, count: number) => merged([{ stride, size: count }]);
  const [own, at, last] = [axes.slice(0, -2).flat(), axes.at(-2) ?? [], axes.at(-1)!];
  return isSame(own, of(size, heads)) && isSame(at, of(channels, positions)) && isSame(last, of(1, size));
}

function matMul(call: Call): Value {
  const [a, b] = call.inputs;
  if (b?.kind === "constant") return linear(call, b.tensor, undefined, call.name);
  if (a?.kind === "weights" && b?.kind === "data") {
    const { heads, queries, keys, scale, positions } = a;
    const size = b.picture.channels / heads;
    if (b.factor === 1 && isHeads(b, heads, positions, size)) {
      const compute = { kind: "attention", heads, keyHeads: heads, scale: Math.fround(scale) } as const;
      const made = call.region.emit(call.name, compute, [queries, keys, b.source], only(call));
      const { channels } = made.picture;
      const axes = [
        [{ stride: size, size: heads }],
        [{ stride: channels, size: positions }],
        [{ stride: 1, size }],
      ].map(merged);
      const batch = b.axes.length > 3 ? [[]] : [];
      return { ...made, axes: [...batch, ...(b.axes.length > 2 || heads > 1 ? axes : axes.slice(1))] };
    }
  }
  const scores = a?.kind === "data" && b?.kind === "data" ? scoresOf(a, b) : undefined;
  if (scores) return scores;
  throw new Refusal("it multiplies two values that are not those of an attention, in heads of one size", PLAIN);
}

function add(call: Call): Value {
  const [a, b] = constantLast(call);
  if (b?.kind !== "constant") {
    return pairwise(call, "float_add");
  }
  const { tensor } = b;
  const one = scalarOf(tensor);
  if (a?.kind === "erf" && one === 1) return { ...a, kind: "phi" };
  if (a?.kind === "variance" && one !== undefined) return { ...a, epsilon: one };
  const view = a?.kind === "data" ? a : dataOf(call);
  const vector = channelVector(tensor, view);
  const biased =
    vector && view.factor === 1
      ? reposted(call, view, (post) => withBias(post, vector, view.picture.channels))
      : undefined;
  if (biased) return biased;
  return positions(call, view, tensor, 0);
}

function withBias(post: FloatPost | undefined, vector: Float64Array, channels: number): FloatPost | undefined {
  if (post?.bias.some((x) => x !== 0)) return undefined;
  return postOf(
    widened(post?.scale, channels),
    vector.length === 1 ? new Float64Array(channels).fill(vector[0]!) : vector,
  );
}

function widened(scale: Float32Array | undefined, channels: number): Float64Array | undefined {
  if (!scale) return undefined;
  return scale.length === 1 ? new Float64Array(channels).fill(scale[0]!) : Float64Array.from(scale);
}

/** A constant at every position added to a value, or before it. */
function positions(call: Call, view: View, { data }: Tensor, extra: number): View {
  const { height, width, channels } = view.picture;
  if (!isPlain(view)) throw new Refusal("it adds a constant to a value whose axes are in another order", PLAIN);
  const count = (height * width + extra) * channels;
  const [whole, one] = [data.length === count, data.length === channels];
  if (!whole && !one && data.length !== 1)
    throw new Refusal(`a constant of ${data.length} numbers for ${count}`, PLAIN);
  const floats = Float32Array.from({ length: count }, (_, i) => data[whole ? i : one ? i % channels : 0]!);
  const made = call.region.emit(call.name, { kind: "positions", floats }, [view.source], only(call));
  return view.axes.length > 2 ? made : viewOf(made.source, made.picture, false);
}

/** The operands, a constant behind the other one. */
function constantLast({ inputs: [a, b] }: Call): [Value | undefined, Value | undefined] {
  return a?.kind === "constant" ? [b, a] : [a, b];
}

function multiply(call: Call, divides = false): Value {
  const [a, b] = divides ? call.inputs : constantLast(call);
  if (b?.kind === "constant") {
    const one = scalarOf(b.tensor);
    const by = one === undefined ? undefined : divides ? 1 / one : one;
    if (by !== undefined && (a?.kind === "gelu" || a?.kind === "phi"))
      return completed(call, { ...a, factor: a.factor * by });
    if (by !== undefined && a?.kind === "scores") return { ...a, scale: a.scale * by };
    const view = a?.kind === "data" ? a : dataOf(call);
    if (by !== undefined) return { ...view, factor: view.factor * by };
    const vector = divides ? undefined : channelVector(b.tensor, view);
    const scaled = vector && view.factor === 1 ? reposted(call, view, (post) => withScale(post, vector)) : undefined;
    if (scaled) return scaled;
    throw new Refusal("it multiplies by a constant that is no gain of a norm", PLAIN);
  }
  if (divides && a?.kind === "centered" && b?.kind === "deviation" && isSameView(a.of, b.of))
    return norm(call, a.of, b.epsilon);
  const [data, phi] = a?.kind === "phi" ? [b, a] : [a, b];
  if (data?.kind === "data" && phi?.kind === "phi" && isSameView(data, phi.of)) {
    return completed(call, { kind: "gelu", of: { ...data, factor: 1 }, factor: data.factor * phi.factor });
  }
  if (a?.kind === "centered" && b?.kind === "centered" && isSameView(a.of, b.of)) return { ...a, kind: "square" };
  if (divides) throw new Refusal("it divides values that are no parts of a norm", PLAIN);
  return pairwise(call, "float_mul");
}

/** Of two values of one shape, element by element. */
function pairwise(call: Call, kind: "float_add" | "float_mul"): View {
  const views = [plainOf(call, 0), plainOf(call, 1)];
  const made = call.region.emit(
    call.name,
    { kind },
    views.map(({ source }) => source),
    only(call),
  );
  return { ...views[0]!, source: made.source, picture: made.picture };
}

function withScale(post: FloatPost | undefined, vector: Float64Array): FloatPost | undefined {
  if (post && (post.bias.some((x) => x !== 0) || post.scale.some((x) => x !== 1))) return undefined;
  return postOf(vector, undefined);
}

/** x · (1 + erf(x / √2)), once it has been halved, too. */
function completed(call: Call, gelu: Gelu): Value {
  if (gelu.kind !== "gelu" || !isClose(gelu.factor, 0.5)) return gelu;
  return elementwise(call, gelu.of, { kind: "activation", function: "gelu" });
}

function elementwise(call: Call, view: View, compute: FloatOp): View {
  if (!isPlain(view)) throw new Refusal("its input has its axes in another order", PLAIN);
  const made = call.region.emit(call.name, compute, [view.source], only(call));
  return { ...view, source: made.source };
}

function isSameView(a: View, b: View): boolean {
  return (
    a.source === b.source && a.axes.length === b.axes.length && a.axes.every((axis, i) => isSame(axis, b.axes[i]!))
  );
}

function norm(call: Call, view: View, epsilon: number, post?: FloatPost): View {
  return elementwise(call, view, { kind: "layer_norm", epsilon: Math.fround(epsilon), ...(post && { post }) });
}

function reduceMean(call: Call): Value {
  const [value] = call.inputs;
  const axes = call.attributes.ints("axes") ?? (call.inputs[1] ? [...constantOf(call, 1).data] : []);
  const keeps = (call.attributes.int("keepdims") ?? 1) !== 0;
  if (value?.kind === "square") return { ...value, kind: "variance" };
  const view = plainOf(call);
  const rank = view.axes.length;
  const [axis, ...others] = axes.map((each) => axisOf(each, rank));
  if (axis === rank - 1 && others.length === 0 && keeps) return { kind: "mean", of: view, epsilon: 0 };
  const isPositions = axes.length === rank - 2 && axis === 1;
  if (!isPositions)
    throw new Refusal(`a mean over axes ${axes}`, "a mean over all positions, or over channels in a norm");
  const made = call.region.emit(call.name, { kind: "mean" }, [view.source], only(call));
  return viewOf(made.source, made.picture, keeps);
}

function reshape(call: Call): Value {
  const [value] = call.inputs;
  const dims = [...constantOf(call, 1).data];
  if (value?.kind === "constant") return { kind: "constant", tensor: { dims, data: value.tensor.data } };
  const view = dataOf(call);
  const all = elements(view.axes.map((axis) => axis.reduce((product, { size }) => product * size, 1)));
  const sizes = dims.map((size, axis) =>
    size === 0 ? (view.axes[axis] ?? []).reduce((product, atom) => product * atom.size, 1) : size,
  );
  const known = sizes.filter((size) => size > 0).reduce((a, b) => a * b, 1);
  const made = reshaped(
    view,
    sizes.map((size) => (size < 0 ? all / known : size)),
  );
  if (!made) throw new Refusal(`[${dims}] of ${shapeText(view.picture)}, of which it is no whole part`, PLAIN);
  return made;
}

function gather(call: Call): Value {
  const view = plainOf(call);
  const index = scalarOf(constantOf(call, 1));
  if (
    index === undefined ||
    axisOf(call.attributes.int("axis") ?? 0, view.axes.length) !== 1 ||
    view.axes.length !== 3
  ) {
    throw new Refusal("it gathers something else than one position", "one position");
  }
  const position = axisOf(index, view.picture.height * view.picture.width);
  const made = call.region.emit(call.name, { kind: "pick", position }, [view.source], only(call));
  return viewOf(made.source, made.picture, false);
}

function concat(call: Call): Value {
  const [first, second] = call.inputs;
  if (first?.kind !== "constant" || second?.kind !== "data" || call.inputs.length !== 2) {
    throw new Refusal("it joins something else than a class token and positions", "a constant before the positions");
  }
  const { channels, height, width } = second.picture;
  const extra = first.tensor.data.length / channels;
  if (axisOf(call.attributes.int("axis") ?? 0, second.axes.length) !== 1 || !Number.isInteger(extra)) {
    throw new Refusal(`it joins ${first.tensor.data.length} numbers before ${shapeText(second.picture)}`, "positions");
  }
  const data = new Float64Array((extra + height * width) * channels);
  data.set(first.tensor.data);
  return positions(call, second, { dims: [], data }, extra);
}

/** A convolution whose windows lie side by side: patches, and a layer of each. */
function conv(call: Call): Value {
  const { attributes, region, name } = call;
  const view = dataOf(call);
  const { dims, data } = constantOf(call, 1);
  const [M, C, height, width] = dims as [number, number, number, number];
  const strides = attributes.ints("strides") ?? [1, 1];
  const isPadded =
    attributes.ints("pads")?.some((pad) => pad !== 0) || (attributes.text("auto_pad") ?? "NOTSET") !== "NOTSET";
  const isDilated = attributes.ints("dilations")?.some((dilation) => dilation !== 1);
  const { picture } = view;
  const isInput =
    dims.length === 4 &&
    view.factor === 1 &&
    isSameView(view, inputView({ name: view.source, shape: [], layout: "chw" }, picture));
  if (
    !isInput ||
    isPadded ||
    isDilated ||
    (attributes.int("group") ?? 1) !== 1 ||
    strides[0] !== height ||
    strides[1] !== width ||
    C !== picture.channels
  ) {
    throw new Refusal(
      "it is no patch embedding",
      "windows as far apart as they are large, without padding, of a picture",
    );
  }
  const patches = region.emit(name, { kind: "patches", height, width }, [view.source], `${only(call)}.patches`);
  const floats = Float32Array.from({ length: data.length }, (_, i) => {
    const [m, at] = [Math.floor(i / (C * height * width)), i % (C * height * width)];
    const [c, position] = [at % C, Math.floor(at / C)];
    return data[(m * C + c) * height * width + position]!;
  });
  const bias = call.inputs[2] ? constantOf(call, 2).data : undefined;
  const post = postOf(undefined, bias);
  const made = region.emit(name, { kind: "float_linear", floats, post }, [patches.source], only(call), {
    weightsName: name,
  });
  const { height: H, width: W } = made.picture;
  const axes = [[{ stride: 1, size: M }], [{ stride: W * M, size: H }], [{ stride: M, size: W }]];
  return { ...made, axes: [[], ...axes.map(merged)] };
}

function gemm(call: Call): Value {
  const { attributes } = call;
  const weights = constantOf(call, 1);
  const factors = [attributes.float("alpha") ?? 1, attributes.float("beta") ?? 1, (attributes.int("transA") ?? 0) + 1];
  if (weights.dims.length !== 2 || factors.some((factor) => factor !== 1))
    throw new Refusal("factors of its own, or no matrix", "alpha = beta = 1, transA = 0");
  const turned = (attributes.int("transB") ?? 0) === 0 ? weights : transpose(weights, [1, 0]);
  return linear(call, turned, call.inputs[2] ? constantOf(call, 2).data : undefined, call.name);
}

function softmax(call: Call): Value {
  const [value] = call.inputs;
  const axis = call.attributes.int("axis") ?? -1;
  if (value?.kind === "scores") return { ...value, kind: "weights" };
  const view = plainOf(call);
  if (axisOf(axis, view.axes.length) !== view.axes.length - 1)
    throw new Refusal(`axis ${axis}`, "a softmax over the last axis");
  if (call.region.isOutput(only(call))) return call.region.emitSoftmax(call.name, view, only(call));
  return elementwise(call, view, { kind: "softmax" });
}

const identity = ({ inputs }: Call): Value => inputs[0] ?? { kind: "unknown" };

/** What makes the values of a node. */
const OPS: Record<string, (call: Call) => Value | Value[]> = {
  Add: add,
  Cast: identity,
  Concat: concat,

  Constant({ attributes }) {
    const tensor = attributes.tensor("value");
    const one = attributes.float("value_float") ?? attributes.int("value_int");
    const ints = attributes.ints("value_ints") ?? attributes.floats("value_floats");
    if (tensor) return { kind: "constant", tensor: readTensor(tensor, "value") };
    if (one !== undefined) return { kind: "constant", tensor: { dims: [], data: Float64Array.of(one) } };
    return { kind: "constant", tensor: { dims: [ints?.length ?? 0], data: Float64Array.from(ints ?? []) } };
  },

  Conv: conv,
  Div: (call) => multiply(call, true),
  Dropout: identity,

  Erf(call) {
    const view = dataOf(call);
    if (!isClose(view.factor, Math.SQRT1_2))
      throw new Refusal(`the error function of a value times ${view.factor}`, "GELU: erf(x / √2)");
    return { kind: "erf", of: { ...view, factor: 1 }, factor: 1 };
  },

  Expand: identity,

  Flatten(call) {
    const view = dataOf(call);
    const made = reshaped(view, [
      1,
      elements(view.axes.map((axis) => axis.reduce((product, { size }) => product * size, 1))),
    ]);
    if (!made || (call.attributes.int("axis") ?? 1) !== 1) throw new Refusal("another axis than 1", "axis = 1");
    return made;
  },

  Gather: gather,

  Gelu(call) {
    const isTanh = (call.attributes.text("approximate") ?? "none") === "tanh";
    return elementwise(call, plainOf(call), { kind: "activation", function: isTanh ? "gelu_tanh" : "gelu" });
  },

  Gemm: gemm,
  Identity: identity,

  LayerNormalization(call) {
    const view = plainOf(call);
    const axis = axisOf(call.attributes.int("axis") ?? -1, view.axes.length);
    if (axis !== view.axes.length - 1) throw new Refusal(`axis ${axis}`, "a norm over the last axis");
    const bias = call.inputs[2] ? constantOf(call, 2).data : undefined;
    return norm(call, view, call.attributes.float("epsilon") ?? 1e-5, postOf(constantOf(call, 1).data, bias));
  },

  MatMul: matMul,
  Mul: multiply,

  Pow(call) {
    const [value] = call.inputs;
    if (value?.kind === "centered" && scalarOf(constantOf(call, 1)) === 2) return { ...value, kind: "square" };
    throw new Refusal("a power that is no part of a norm", PLAIN);
  },

  ReduceMean: reduceMean,
  Relu: (call) => elementwise(call, plainOf(call), { kind: "activation", function: "relu" }),
  Reshape: reshape,
  Softmax: softmax,

  Split(call) {
    const { attributes, inputs, outputs } = call;
    const sizes = attributes.ints("split") ?? (inputs[1] ? [...constantOf(call, 1).data] : undefined);
    const { channels } = dataOf(call).picture;
    return split(call, sizes ?? outputs.map(() => channels / outputs.length), attributes.int("axis") ?? 0);
  },

  Sqrt(call) {
    const [value] = call.inputs;
    if (value?.kind === "variance") return { ...value, kind: "deviation" };
    throw new Refusal("a root that is no part of a norm", PLAIN);
  },

  Sub(call) {
    const [a, b] = call.inputs;
    if (a?.kind === "data" && b?.kind === "mean" && isSameView(a, b.of)) return { ...b, kind: "centered" };
    throw new Refusal("a difference that is no part of a norm", PLAIN);
  },

  Transpose(call) {
    const [value] = call.inputs;
    const perm = call.attributes.ints("perm");
    if (value?.kind === "constant") {
      const order = perm ?? value.tensor.dims.map((_, axis) => axis).reverse();
      return { kind: "constant", tensor: transpose(value.tensor, order) };
    }
    const view = dataOf(call);
    const order = perm ?? view.axes.map((_, axis) => axis).reverse();
    if (`${[...order].sort((x, y) => x - y)}` !== `${view.axes.map((_, axis) => axis)}`) {
      throw new Refusal(`perm of ${order} of ${view.axes.length} axes`, "every axis once");
    }
    return transposed(view, order);
  },
};
