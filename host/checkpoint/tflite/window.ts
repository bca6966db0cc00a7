import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import { type Picture, shapeText } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { isExtent, NO_PADDING, type Padding, samePadding, widened } from "../window.ts";
import type { Table } from "./table.ts";

/** Paddings by their number in the schema. */
const SAME = 0;
export const VALID = 1;

export interface Sizes {
  kernelHeight: number;
  kernelWidth: number;
  strideY: number;
  strideX: number;
  dilationY?: number;
  dilationX?: number;
  padding: number;
}

/** A window as a file has it, on a picture and what a PAD put around that. */
export function windowOf(sizes: Sizes, picture: Picture, around: Readonly<Padding> = NO_PADDING): PaddedWindow {
  const { padding, dilationY = 1, dilationX = 1, ...rest } = sizes;
  const bad = Object.entries({ ...rest, dilationY, dilationX }).find(([, size]) => !isExtent(size, 1));
  if (bad) throw new Refusal(`its ${bad[0]} is ${bad[1]}`, "1 to 65,535");
  if (padding !== SAME && padding !== VALID) throw new Refusal(`its padding is number ${padding}`, "SAME or VALID");
  const pad = padding === SAME ? sidesOf : () => [0, 0] as const;
  const { top, bottom, left, right } = around;
  const y = pad(picture.height + top + bottom, rest.kernelHeight, rest.strideY, dilationY);
  const x = pad(picture.width + left + right, rest.kernelWidth, rest.strideX, dilationX);
  const own = { ...rest, dilationY, dilationX, padTop: y[0], padBottom: y[1], padLeft: x[0], padRight: x[1] };
  const window = widened(own, around);
  const { height, width } = windowSize(window, picture);
  if (height >= 1 && width >= 1) return window;
  throw new Refusal(
    `its window of ${rest.kernelHeight} × ${rest.kernelWidth} does not fit ${shapeText(picture)}`,
    "a window within its input",
  );
}

/** As many outputs as strides begin within the input: half of what is missing before it, the greater half behind. */
function sidesOf(size: number, kernel: number, stride: number, dilation: number): readonly [number, number] {
  const total = samePadding(size, kernel, stride, dilation);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** What the options of every window begin with. */
export function stepsOf(options: Table) {
  return { padding: options.number(0, "i8"), strideX: options.number(1, "i32"), strideY: options.number(2, "i32") };
}
