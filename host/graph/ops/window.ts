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
