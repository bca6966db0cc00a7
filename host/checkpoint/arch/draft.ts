import { elements } from "../tensor.ts";
import type { WeightsFile } from "../weights_file.ts";

/** A network described by hand, as far as names and shapes of a file's tensors tell; and what was guessed. */
export interface Draft {
  arch: object;
  guesses: string[];
}

/** Stand for what no file says. */
const GUESSED = { size: 32, bits: 8, scale: "1/16", inputScale: "1/255" };

/** A quantizer behind a layer. */
const QUANTIZE = { op: "quantize", bits: GUESSED.bits, signed: false, scale: GUESSED.scale };

/** Tensors whose names differ in their last part, in the order of the file. */
type Group = Map<string, readonly number[]>;

/** Drafts a network whose layers stand in the order of the file, one behind another, each but the last behind a quantizer. */
export function draftArch({ tensors }: WeightsFile): Draft {
  const layers: object[] = [];
  const left: string[] = [];
  let input: number[] | undefined;
  let channels = 0;
  let isPicture = false;
  for (const [name, group] of groupsOf(tensors)) {
    const weight = group.get("weight") ?? [];
    if (group.has("running_mean") && group.has("running_var")) {
      if (layers.at(-1) === QUANTIZE) layers.pop(); // it belongs behind the norm
      layers.push({ op: "batch_norm", name }, QUANTIZE);
    } else if (weight.length === 4) {
      const [outputs, inputs, height, width] = weight as [number, number, number, number];
      const isDepthwise = inputs === 1 && channels > 1 && outputs % channels === 0;
      input ??= [inputs, GUESSED.size, GUESSED.size];
      const padding = [Math.floor(height / 2), Math.floor(width / 2)];
      const isPadded = padding.some((each) => each > 0);
      layers.push(
        { op: isDepthwise ? "depthwise" : "conv2d", name, weights: GUESSED.bits, ...(isPadded && { padding }) },
        QUANTIZE,
      );
      [channels, isPicture] = [outputs, true];
    } else if (weight.length === 2) {
      const [outputs, inputs] = weight as [number, number];
      input ??= [inputs];
      if (isPicture) {
        if (inputs === channels) layers.push({ op: "avgpool", kernel: "global" }, QUANTIZE);
        layers.push({ op: "flatten" });
      }
      layers.push({ op: "dense", name, weights: GUESSED.bits }, QUANTIZE);
      [channels, isPicture] = [outputs, false];
    } else {
      for (const [field, dims] of group)
        if (elements(dims) > 1) left.push(`"${name}${name && "."}${field}" [${dims.join(", ")}]`);
    }
  }
  if (layers.at(-1) === QUANTIZE) layers.pop();
  const shape = input ?? [1];
  const quantizer = { bits: 8, signed: false, scale: GUESSED.inputScale };
  return { arch: { input: { shape, quantizer }, layers }, guesses: guessesOf(shape, left) };
}

function guessesOf(shape: readonly number[], left: readonly string[]): string[] {
  const pictures = [
    `the input's height and width, ${shape[1]} × ${shape[2]}`,
    "strides of 1, and padding that keeps the size; pools, and sums beside the path, are not in a file of weights",
  ];
  return [
    "the layers stand in the order of the file, each but the last behind a quantizer",
    ...(shape.length === 3 ? pictures : []),
    `weights of ${GUESSED.bits} bits: say what they were trained with`,
    `codes of ${GUESSED.bits} bits with a scale of ${GUESSED.scale}, and an input of 0 … 1: measure or look up what the network was trained with`,
    "batch norms with PyTorch's epsilon, 0.00001",
    ...(left.length > 0
      ? [`left out, since no layer has tensors of such names and shapes: ${left.slice(0, 8).join(", ")}`]
      : []),
  ];
}

function groupsOf(tensors: WeightsFile["tensors"]): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const [whole, { dims }] of tensors) {
    const dot = whole.lastIndexOf(".");
    const [name, field] = [whole.slice(0, Math.max(0, dot)), whole.slice(dot + 1)];
    const group = groups.get(name) ?? new Map();
    group.set(field, dims);
    groups.set(name, group);
  }
  return groups;
}
