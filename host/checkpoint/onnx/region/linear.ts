import type { GraphInput } from "../../../graph/graph.ts";
import type { FloatOp } from "../../../graph/ops/float.ts";
import type { FloatPost } from "../../../program.ts";
import type { Picture } from "../../../shape.ts";
import { Refusal } from "../../refusal.ts";
import type { Constant } from "../call.ts";
import { transposeConstant } from "../emit.ts";
import { moreOf, postOf, settled } from "./post.ts";
import { codeLinear } from "./rows.ts";
import { axisOf, type Call, constantOf, dataOf, isSameView, only, PLAIN, type Value } from "./value.ts";
import {
  axisSize,
  behind,
  hasChannelsLast,
  lastIndices,
  merged,
  patchesOf,
  type View,
  viewOf,
  withChannels,
} from "./view.ts";

export function inputView({ name, layout, shape }: GraphInput, picture: Picture): View {
  if (layout !== "chw") return viewOf(name, picture, shape.length > 1);
  const { height, width, channels } = picture;
  const axes = [
    [{ stride: 1, size: channels }],
    [{ stride: width * channels, size: height }],
    [{ stride: channels, size: width }],
  ];
  return { kind: "data", source: name, picture, axes: [[], ...axes.map(merged)], factor: 1 };
}

/** A matrix product with weights (inputs, outputs), behind a view whose last axis is channels in some order, or patches; of codes by position, with integers. */
export function linear(call: Call, weights: Constant, bias: Float64Array | undefined, weightsName: string): View {
  const { region, name } = call;
  const [value] = call.inputs;
  if (value?.kind === "rows") return codeLinear(call, value, weights, 1, bias, weightsName);
  let view = settled(call, dataOf(call));
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
  const made = region.emit(
    name,
    { kind: "float_linear", floats, post: postOf(undefined, bias) },
    [view.source],
    only(call),
    { weightsName },
  );
  return behind(view, made);
}

/** The parts of an axis that counts channels of a layer, each as a layer of its own. */
export function split(call: Call, sizes: readonly number[], given: number): View[] {
  const { axes } = dataOf(call);
  const axis = axisOf(given, axes.length);
  const size = axisSize(axes[axis] ?? []);
  if (sizes.reduce((a, b) => a + b, 0) !== size || sizes.length !== call.outputs.length)
    throw new Refusal(`parts of ${sizes} of ${size}`, PLAIN);
  let first = 0;
  return sizes.map((count, i) => {
    const made = someOf({ ...call, outputs: [call.outputs[i]!] }, axis, first, count);
    if (!made) throw new Refusal("it splits something else than the channels of a layer", PLAIN);
    first += count;
    return made;
  });
}

/** Some of a layer's channels, along the axis that has their greatest step: a layer of its own. Undefined where the axis is another. */
export function someOf(call: Call, axis: number, first: number, count: number): View | undefined {
  const view = settled(call, dataOf(call));
  const [atom, ...more] = view.axes[axis] ?? [];
  const maker = call.region.maker(view);
  const compute = maker?.compute;
  const isLayer = compute?.kind === "float_linear" || compute?.kind === "linear";
  if (!atom || more.length > 0 || atom.stride * atom.size !== view.picture.channels || !maker || !isLayer)
    return undefined;
  const size = count * atom.stride;
  const own = outputsOf(compute, view.picture.channels, first * atom.stride, size);
  const made = call.region.emit(maker.name, own, maker.inputs, only(call), moreOf(maker));
  return { ...made, axes: withChannels(view, size).with(axis, merged([{ stride: atom.stride, size: count }])) };
}

type Layer = FloatOp & { kind: "float_linear" | "linear" };

/** A layer of `size` of the outputs, from `first` on. */
function outputsOf(layer: Layer, outputs: number, first: number, size: number): Layer {
  const { records, scale, bias } = layer.post;
  const own = (vector: Float32Array) => (records === 1 ? vector : vector.slice(first, first + size));
  const post: FloatPost = { kind: "float", records: records === 1 ? 1 : size, scale: own(scale), bias: own(bias) };
  if (layer.kind === "linear") {
    const K = layer.weights.length / outputs;
    return { ...layer, weights: layer.weights.slice(first * K, (first + size) * K), post };
  }
  const K = layer.floats.length / outputs;
  return { ...layer, floats: layer.floats.slice(first * K, (first + size) * K), post };
}

/** A convolution whose windows lie side by side: patches, and a layer of each. */
export function conv(call: Call): Value {
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

export function gemm(call: Call): Value {
  const { attributes } = call;
  const weights = constantOf(call, 1);
  const factors = [attributes.float("alpha") ?? 1, attributes.float("beta") ?? 1, (attributes.int("transA") ?? 0) + 1];
  if (weights.dims.length !== 2 || factors.some((factor) => factor !== 1))
    throw new Refusal("factors of its own, or no matrix", "alpha = beta = 1, transA = 0");
  const turned = (attributes.int("transB") ?? 0) === 0 ? weights : transposeConstant(call, weights, [1, 0]);
  return linear(call, turned, call.inputs[2] ? constantOf(call, 2).data : undefined, call.name);
}
