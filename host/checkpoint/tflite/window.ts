import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import { type Picture, shapeText } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import type { Padding } from "./call.ts";

/** Paddings by their number in the schema. */
const [SAME, VALID] = [0, 1];

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
export function windowOf(sizes: Sizes, picture: Picture, around?: Padding): PaddedWindow {
  const { padding, dilationY = 1, dilationX = 1, ...rest } = sizes;
  const bad = Object.entries({ ...rest, dilationY, dilationX }).find(([, size]) => !(size >= 1 && size < 2 ** 16));
  if (bad) throw new Refusal(`its ${bad[0]} is ${bad[1]}`, "1 to 65,535");
  if (padding !== SAME && padding !== VALID) throw new Refusal(`its padding is number ${padding}`, "SAME or VALID");
  const { top, bottom, left, right } = around ?? { top: 0, bottom: 0, left: 0, right: 0 };
  const pad = padding === SAME ? samePadding : () => [0, 0] as const;
  const y = pad(picture.height + top + bottom, rest.kernelHeight, rest.strideY, dilationY);
  const x = pad(picture.width + left + right, rest.kernelWidth, rest.strideX, dilationX);
  const window = {
    ...rest,
    dilationY,
    dilationX,
    padTop: top + y[0],
    padBottom: bottom + y[1],
    padLeft: left + x[0],
    padRight: right + x[1],
  };
  const { height, width } = windowSize(window, picture);
  if (height >= 1 && width >= 1) return window;
  throw new Refusal(
    `its window of ${rest.kernelHeight} × ${rest.kernelWidth} does not fit ${shapeText(picture)}`,
    "a window within its input",
  );
}

/** As many outputs as strides begin within the input: half of what is missing before it, the greater half behind. */
function samePadding(size: number, kernel: number, stride: number, dilation: number): readonly [number, number] {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size);
  const before = Math.floor(total / 2);
  return [before, total - before];
}
