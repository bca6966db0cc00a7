import type { Window } from "./program.ts";
import type { Picture } from "./shape.ts";

/** The input positions that the output position (y, x) sees, tap by tap, row by row of the kernel; −1 for taps outside. */
export function tapsOf(window: Window, { height, width }: Picture, y: number, x: number): number[] {
  const taps: number[] = [];
  for (let ky = 0; ky < window.kernelHeight; ky++) {
    for (let kx = 0; kx < window.kernelWidth; kx++) {
      const [row, column] = [
        y * window.strideY - window.padTop + ky * window.dilationY,
        x * window.strideX - window.padLeft + kx * window.dilationX,
      ];
      const isInside = row >= 0 && row < height && column >= 0 && column < width;
      taps.push(isInside ? row * width + column : -1);
    }
  }
  return taps;
}

/** Of these, those inside the input: a walk of no more steps than there are, however vast the window is. */
export function insideTaps(window: Window, { height, width }: Picture, y: number, x: number): number[] {
  const { kernelHeight, strideY, dilationY, padTop, kernelWidth, strideX, dilationX, padLeft } = window;
  const rows = inside(kernelHeight, y * strideY - padTop, dilationY, height);
  const columns = inside(kernelWidth, x * strideX - padLeft, dilationX, width);
  return rows.flatMap((row) => columns.map((column) => row * width + column));
}

/** Of `kernel` positions from `first` on, `dilation` apart, those from 0 to before `size`. */
export function inside(kernel: number, first: number, dilation: number, size: number): number[] {
  const found: number[] = [];
  const end = Math.min(first + kernel * dilation, size);
  for (let at = first + Math.max(0, Math.ceil(-first / dilation)) * dilation; at < end; at += dilation) found.push(at);
  return found;
}

/** What is wrong with a window, in one direction or the other: each of its positions overlaps the input, and it spans less than 2^16. */
export function windowProblem(window: Window, from: Picture, to: Picture): string | undefined {
  const { kernelHeight, strideY, dilationY, padTop, kernelWidth, strideX, dilationX, padLeft } = window;
  return (
    directionProblem("height", kernelHeight, strideY, dilationY, padTop, from.height, to.height) ??
    directionProblem("width", kernelWidth, strideX, dilationX, padLeft, from.width, to.width)
  );
}

function directionProblem(
  name: string,
  kernel: number,
  stride: number,
  dilation: number,
  pad: number,
  input: number,
  output: number,
): string | undefined {
  const found = `${name} ${input} → ${output} by a kernel of ${kernel}, stride ${stride}, dilation ${dilation}, padding ${pad}`;
  const span = (kernel - 1) * dilation;
  if (!(kernel >= 1 && stride >= 1 && dilation >= 1)) return `${found}, expected at least 1 of each`;
  if (span > 0xffff) return `${found}, expected a span below 2^16`;
  if (pad > span) return `${found}, expected padding of at most ${span}`;
  const last = (output - 1) * stride - pad;
  return last < input ? undefined : `${found}, expected windows that overlap the input`;
}
