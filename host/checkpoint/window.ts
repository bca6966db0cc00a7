import type { PaddedWindow } from "../graph/ops/window.ts";

// What windows are in all formats.

/** Of kernels, strides, dilations and padding in one direction: what 16 bits hold, as blobs have them. No list of windows is vaster. */
export const MAX_EXTENT = 0xffff;

/** Whether a number from a file is a whole one that windows can have. */
export function isExtent(size: number, least: number): boolean {
  return Number.isInteger(size) && size >= least && size <= MAX_EXTENT;
}

/** Positions on each side of a picture. */
export interface Padding {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

export const NO_PADDING: Readonly<Padding> = { top: 0, left: 0, bottom: 0, right: 0 };

/** The window, which begins and ends further outside. */
export function widened(
  window: PaddedWindow,
  { top, left, bottom, right }: Readonly<Padding> = NO_PADDING,
): PaddedWindow {
  const { padTop, padLeft, padBottom, padRight } = window;
  return {
    ...window,
    padTop: padTop + top,
    padLeft: padLeft + left,
    padBottom: padBottom + bottom,
    padRight: padRight + right,
  };
}

/** Padding on both sides together that makes ⌈size / stride⌉ positions of `size`. */
export function samePadding(size: number, kernel: number, stride: number, dilation: number): number {
  return Math.max(0, (Math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size);
}
