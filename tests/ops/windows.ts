import type { PaddedWindow } from "../../host/graph/ops/window.ts";
import { windowSize } from "../../host/graph/ops/window.ts";
import type { Window } from "../../host/program.ts";

/** 3 × 3, padded so that sizes stay. */
export const SQUARE: Window = {
  ...{ kernelHeight: 3, kernelWidth: 3, strideY: 1, strideX: 1 },
  ...{ dilationY: 1, dilationX: 1, padTop: 1, padLeft: 1 },
};

/** A window that differs from `SQUARE`, on an input; its padding below and to the right is that above and to the left if not given. */
export interface WindowCase {
  input: [height: number, width: number, channels: number];
  window?: Partial<Window>;
  padBottom?: number;
  padRight?: number;
}

export function windowOf({ window }: Pick<WindowCase, "window">): Window {
  return { ...SQUARE, ...window };
}

export function paddedWindowOf({ window, padBottom, padRight }: WindowCase): PaddedWindow {
  const whole = windowOf({ window });
  return { ...whole, padBottom: padBottom ?? whole.padTop, padRight: padRight ?? whole.padLeft };
}

/** Height and width of what a window makes. */
export function sizeOf(shape: WindowCase): [height: number, width: number] {
  const [height, width, channels] = shape.input;
  const size = windowSize(paddedWindowOf(shape), { height, width, channels });
  return [size.height, size.width];
}

const NONE: Partial<Window> = { padTop: 0, padLeft: 0 };

/** Every kind of edge of a pool: kernels, strides, dilations, padding on each side alone, one row and one column, and channels around words and vectors. */
export const POOLS: Record<string, WindowCase> = {
  "3 × 3, padded": { input: [4, 5, 3] },
  "2 × 2, stride 2": {
    ...{ input: [6, 5, 16], window: { ...NONE, kernelHeight: 2, kernelWidth: 2, strideY: 2, strideX: 2 } },
  },
  "3 × 3, padded below and to the right alone": {
    ...{ input: [4, 4, 33], window: { ...NONE, strideY: 2, strideX: 2 }, padBottom: 1, padRight: 1 },
  },
  "1 × 1": { input: [3, 3, 32], window: { ...NONE, kernelHeight: 1, kernelWidth: 1 } },
  "5 × 3, stride 1 × 3": { input: [6, 9, 17], window: { kernelHeight: 5, strideX: 3, padTop: 2 } },
  "3 × 3, dilated": { input: [7, 6, 5], window: { dilationY: 2, dilationX: 3, padTop: 2, padLeft: 3 } },
  "the whole picture": { input: [3, 4, 70], window: { ...NONE, kernelWidth: 4 } },
  "a signal": { input: [1, 20, 1], window: { kernelHeight: 1, kernelWidth: 5, padTop: 0, padLeft: 2 } },
  "one position": { input: [1, 1, 31] },
  "windows whose taps straddle the input": {
    ...{ input: [1, 2, 9], window: { kernelHeight: 2, dilationY: 2, padTop: 1 } },
  },
};
