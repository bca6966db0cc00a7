import type { Window } from "../../program.ts";
import type { Picture } from "../../shape.ts";

/** A window with its padding on all sides. */
export interface PaddedWindow extends Window {
  padBottom: number;
  padRight: number;
}

/** Height and width of what a window makes of an input: as many positions as fit. */
export function windowSize(window: PaddedWindow, input: Picture): Pick<Picture, "height" | "width"> {
  const { kernelHeight, strideY, dilationY, padTop, padBottom } = window;
  const { kernelWidth, strideX, dilationX, padLeft, padRight } = window;
  return {
    height: fitting(input.height + padTop + padBottom, kernelHeight, strideY, dilationY),
    width: fitting(input.width + padLeft + padRight, kernelWidth, strideX, dilationX),
  };
}

function fitting(size: number, kernel: number, stride: number, dilation: number): number {
  return Math.floor((size - (kernel - 1) * dilation - 1) / stride) + 1;
}

/** Whether some tap of a window lies outside the input. */
export function hasPadding({ padTop, padLeft, padBottom, padRight }: PaddedWindow): boolean {
  return padTop > 0 || padLeft > 0 || padBottom > 0 || padRight > 0;
}

/** What is wrong with a window that is to see an input. */
export function paddedWindowProblem(window: PaddedWindow, input: Picture): string | undefined {
  const { height, width } = windowSize(window, input);
  return height >= 1 && width >= 1
    ? undefined
    : `a window of ${window.kernelHeight} × ${window.kernelWidth} does not fit ${input.height} × ${input.width} positions`;
}

/** How many taps lie inside the input: rows of them at each height of the output, and columns at each width. */
export function tapsInside(window: PaddedWindow, input: Picture): { rows: number[]; columns: number[] } {
  const { kernelHeight, strideY, dilationY, padTop, kernelWidth, strideX, dilationX, padLeft } = window;
  const { height, width } = windowSize(window, input);
  return {
    rows: inside(height, input.height, kernelHeight, strideY, dilationY, padTop),
    columns: inside(width, input.width, kernelWidth, strideX, dilationX, padLeft),
  };
}

function inside(
  outputs: number,
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  pad: number,
): number[] {
  return Array.from({ length: outputs }, (_, i) => {
    const first = Math.max(0, Math.ceil((pad - i * stride) / dilation));
    const last = Math.min(kernel - 1, Math.floor((size - 1 + pad - i * stride) / dilation));
    return Math.max(0, last - first + 1);
  });
}

/** What is wrong with a window that is to pool an input: every one sees some position of it. */
export function poolProblem(window: PaddedWindow, input: Picture): string | undefined {
  const problem = paddedWindowProblem(window, input);
  if (problem) return problem;
  const { kernelHeight, strideY, dilationY, padTop, kernelWidth, strideX, dilationX, padLeft } = window;
  const { height, width } = windowSize(window, input);
  // first and last windows tell of vast padding, before all windows are looked at
  const isFar = padTop > (kernelHeight - 1) * dilationY || padLeft > (kernelWidth - 1) * dilationX;
  const isBehind = (height - 1) * strideY - padTop >= input.height || (width - 1) * strideX - padLeft >= input.width;
  if (!isFar && !isBehind) {
    const { rows, columns } = tapsInside(window, input);
    if (!rows.includes(0) && !columns.includes(0)) return undefined;
  }
  return `a window of ${window.kernelHeight} × ${window.kernelWidth} lies outside ${input.height} × ${input.width} positions`;
}
