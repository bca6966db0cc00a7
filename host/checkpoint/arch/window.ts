import { InputError } from "../../base/errors.ts";
import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import { samePadding } from "../window.ts";
import type { Padding, Pair } from "./layers.ts";

// Windows of convolutions and pools, as a network described by hand says them.

/** A layer's input, and what errors call the layer. */
export interface Place {
  where: string;
  input: { shape: readonly number[] };
}

/** Channels, height and width of a layer's input. */
export function pictureOf({ input, where }: Place): [number, number, number] {
  if (input.shape.length === 3) return input.shape as [number, number, number];
  throw new InputError(
    `${where}: its input is a vector [${input.shape[0]}], expected a picture [channels, height, width]`,
  );
}

export interface WindowFields {
  stride?: Pair | undefined;
  padding?: Padding | undefined;
  dilation?: Pair | undefined;
}

export function windowOf(
  step: Place,
  [kernelHeight, kernelWidth]: readonly number[],
  layer: WindowFields,
): PaddedWindow {
  const [, height, width] = pictureOf(step);
  const [strideY, strideX] = pairOf(layer.stride ?? 1);
  const [dilationY, dilationX] = pairOf(layer.dilation ?? 1);
  const padding = layer.padding ?? 0;
  const same = (size: number, kernel: number, stride: number, dilation: number) => {
    const total = samePadding(size, kernel, stride, dilation);
    return [Math.floor(total / 2), Math.ceil(total / 2)] as const;
  };
  let sides: number[];
  if (padding === "valid") sides = [0, 0, 0, 0];
  else if (padding === "same") {
    const [top, bottom] = same(height, kernelHeight!, strideY, dilationY);
    const [left, right] = same(width, kernelWidth!, strideX, dilationX);
    sides = [top, left, bottom, right];
  } else if (typeof padding === "number") sides = new Array<number>(4).fill(padding);
  else sides = padding.length === 2 ? [...padding, ...padding] : padding;
  const [padTop, padLeft, padBottom, padRight] = sides as [number, number, number, number];
  return {
    ...{ kernelHeight: kernelHeight!, strideY, dilationY, padTop, padBottom },
    ...{ kernelWidth: kernelWidth!, strideX, dilationX, padLeft, padRight },
  };
}

export function pairOf(pair: Pair): [number, number] {
  return typeof pair === "number" ? [pair, pair] : (pair as [number, number]);
}

/** Height and width behind a window. */
export function sizeOf(step: Place, window: PaddedWindow): [number, number] {
  const [channels, height, width] = pictureOf(step);
  const size = windowSize(window, { channels, height, width });
  if (size.height >= 1 && size.width >= 1) return [size.height, size.width];
  const { kernelHeight, kernelWidth } = window;
  throw new InputError(
    `${step.where}: a kernel of ${kernelHeight} × ${kernelWidth} does not fit [${[channels, height, width].join(", ")}]`,
  );
}

export function attributesOf(window: PaddedWindow) {
  const { kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX } = window;
  const { padTop, padLeft, padBottom, padRight } = window;
  return {
    kernel_shape: [kernelHeight, kernelWidth].map(BigInt),
    strides: [strideY, strideX].map(BigInt),
    dilations: [dilationY, dilationX].map(BigInt),
    pads: [padTop, padLeft, padBottom, padRight].map(BigInt),
  };
}
