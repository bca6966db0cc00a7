import { mulberry32 } from "../../../host/numbers/random.ts";
import type { Net, NetTensor } from "./build.ts";

// A binary convolution as Larq Compute Engine's converter writes it.

export const [HEIGHT, WIDTH, CHANNELS, FILTERS] = [5, 6, 35, 7];

const next = mulberry32(11);
export const between = (least: number, most: number) => Math.floor(least + (most - least + 1) * next());

/** ±1 as words of 32 bits, 1 for −1: rows of so many signs. */
function packed(signs: number[], columns: number): Int32Array {
  const words = Math.ceil(columns / 32);
  const result = new Int32Array((signs.length / columns) * words);
  for (const [i, s] of signs.entries()) {
    const [row, c] = [Math.floor(i / columns), i % columns];
    if (s < 0) result[row * words + (c >> 5)]! |= 1 << (c & 31);
  }
  return result;
}

export interface Case {
  /** Ones around the picture, zeros, or none. */
  padding: "ones" | "zeros" | "valid";
  stride: number;
  activation: number;
  output: "INT8" | "FLOAT32" | "INT32";
}

export const SIGNS = Array.from({ length: FILTERS * 9 * CHANNELS }, () => (next() < 0.5 ? -1 : 1));
export const K = 9 * CHANNELS;
export const MULTIPLIER = Float32Array.from({ length: FILTERS }, () => 0.04 * (next() - 0.4));
export const BIAS = Float32Array.from({ length: FILTERS }, () => 2 * (next() - 0.5));
export const THRESHOLDS = Int32Array.from([
  -(2 ** 31),
  2 ** 31 - 1,
  ...Array.from({ length: FILTERS - 2 }, () => between(140, 175)),
]);
export const OUTPUT = { scale: Math.fround(0.037), zero: 9 };
export const INPUT = { scale: 0.5, zero: -3 };

/** x → LceQuantize → LceBconv2d → y, or signs as codes again. */
export function netOf({ padding, stride, activation, output }: Case): Net {
  const sizes = (size: number) => Math.ceil((padding === "valid" ? size - 2 : size) / stride);
  const [h, w] = [sizes(HEIGHT), sizes(WIDTH)];
  const words = Math.ceil(CHANNELS / 32);
  const codes = (name: string, shape: number[]): NetTensor => ({
    name,
    shape,
    scale: [OUTPUT.scale],
    zero: [OUTPUT.zero],
  });
  const tensors: NetTensor[] = [
    { name: "x", shape: [1, HEIGHT, WIDTH, CHANNELS], scale: [INPUT.scale], zero: [INPUT.zero] },
    { name: "bits", shape: [1, HEIGHT, WIDTH, words], type: "INT32" },
    { name: "filters", shape: [FILTERS, 3, 3, words], type: "INT32", data: packed(SIGNS, CHANNELS) },
    { name: "multiplier", shape: [FILTERS], type: "FLOAT32", data: MULTIPLIER },
    { name: "bias", shape: [FILTERS], type: "FLOAT32", data: BIAS },
    { name: "thresholds", shape: [FILTERS], type: "INT32", data: THRESHOLDS },
    output === "INT8"
      ? codes("y", [1, h, w, FILTERS])
      : { name: "y", shape: [1, h, w, output === "INT32" ? 1 : FILTERS], type: output },
    codes("shown", [1, h, w, FILTERS]),
  ];
  const custom = {
    ...{ channels_in: CHANNELS, stride_height: stride, stride_width: stride },
    ...{ dilation_height_factor: 1, dilation_width_factor: 1, padding: padding === "valid" ? 1 : 0 },
    ...{ pad_values: padding === "ones" ? 1 : 0, fused_activation_function: activation },
  };
  const operators: Net["operators"] = [
    { op: "CUSTOM LceQuantize", inputs: [0], outputs: [1] },
    { op: "CUSTOM LceBconv2d", inputs: [1, 2, 3, 4, 5], outputs: [6], custom },
  ];
  if (output === "INT32") operators.push({ op: "CUSTOM LceDequantize", inputs: [6], outputs: [7] });
  return { tensors, operators, inputs: [0], outputs: [output === "INT32" ? 7 : 6] };
}
