import type { Tiling } from "../blob/tiles.ts";
import type { Conv2dOp, Tensor, Window } from "../program.ts";
import { elementCount, positionBytes, positionCount } from "../shape.ts";
import { inside } from "../window.ts";

// How often the loops of a convolution run that a dense op does not have (assembly/ops/patch.ts, conv2d.ts, scatter.ts).

/** Patches of `positions` that are gathered: each of them, the lines that lie together in the input, and their bytes, copied in words or one by one. */
export function gatherCounts(op: Conv2dOp, input: Tensor, output: Tensor, times: number): number[] {
  const { kernelHeight, kernelWidth, dilationX } = op.window;
  const patches = times * positionCount(output);
  const position = positionBytes(input);
  const tap = position / op.groups;
  const isWhole = dilationX === 1 && op.groups === 1;
  if (isWhole && kernelHeight * kernelWidth === 1 && position % 16 === 0) return [1, patches, 0, 0, 0]; // where they lie
  const lines = patches * kernelHeight * (isWhole ? 1 : kernelWidth);
  const bytes = patches * kernelHeight * kernelWidth * tap;
  return [1, patches, lines, ...(tap % 4 === 0 ? [bytes / 4, 0] : [0, bytes])];
}

/** Positions some of whose taps lie outside the input: of bits, their sums are taken twice. */
export function borderPositions({ window }: Conv2dOp, input: Tensor, output: Tensor): number {
  const { kernelHeight, strideY, dilationY, padTop, kernelWidth, strideX, dilationX, padLeft } = window;
  const rows = tapsSeen(kernelHeight, strideY, dilationY, padTop, input.height, output.height);
  const columns = tapsSeen(kernelWidth, strideX, dilationX, padLeft, input.width, output.width);
  const [whole, wide] = [rows.filter((taps) => taps === kernelHeight), columns.filter((taps) => taps === kernelWidth)];
  return positionCount(output) - whole.length * wide.length;
}

/** Of patches by twos: what prepares them, and the products of two channels, 16 inputs at a time. */
export function pairCounts(op: Conv2dOp, input: Tensor, output: Tensor, { columns, spanChannels }: Tiling): number[] {
  const inputs = columns.taps * columns.packedInputs;
  const pairs = Math.ceil(positionCount(output) / 2) * op.groups;
  const channels = pairs * Math.ceil(spanChannels / 2);
  return [
    ...gatherCounts(op, input, output, op.groups),
    ...[pairs * inputs, channels, channels * Math.ceil(inputs / 16)],
  ];
}

/** Of positions that are scattered: those of the input, tables, look-ups of a tap, those by fours of channels, and sums that are begun. */
export function scatterCounts({ window }: Conv2dOp, input: Tensor, output: Tensor, tiling: Tiling): number[] {
  const strips = input.channels / 16;
  const ahead = aheadOf(window, input.width);
  const fours = Math.ceil(tiling.channels / 4);
  const { kernelHeight, strideY, dilationY, padTop } = window;
  const lines = sum(tapsSeen(kernelHeight, strideY, dilationY, padTop, input.height, output.height));
  const taps = sum(
    Array.from({ length: ahead }, (_, x) => {
      const each = Array.from({ length: window.kernelWidth }, (_, kx) => {
        const sees = (at: number) => at < input.width && outputOf(at, kx, window, output.width) !== undefined;
        return sees(x) || sees(x + ahead) ? 1 : 0;
      });
      return sum(each);
    }),
  );
  const calls = tiling.tiles * strips * lines * taps;
  const tables = tiling.tiles * input.height * ahead * strips;
  return [
    ...[1, tiling.tiles * input.height * ahead, tables, tables * kernelHeight * window.kernelWidth],
    ...[calls, strips * lines * taps * fours, elementCount(output)],
  ];
}

/** How many taps of each output position lie inside the input, in one direction. */
function tapsSeen(
  kernel: number,
  stride: number,
  dilation: number,
  pad: number,
  size: number,
  outputs: number,
): number[] {
  return Array.from({ length: outputs }, (_, at) => inside(kernel, at * stride - pad, dilation, size).length);
}

type Direction = Pick<Window, "strideX" | "dilationX" | "padLeft">;

function outputOf(x: number, tap: number, { strideX, dilationX, padLeft }: Direction, outputs: number) {
  const at = (x + padLeft - tap * dilationX) / strideX;
  return Number.isInteger(at) && at >= 0 && at < outputs ? at : undefined;
}

/** How far apart the two positions are that share look-ups. */
function aheadOf({ strideX }: Window, width: number): number {
  return Math.ceil(Math.ceil(width / 2) / strideX) * strideX;
}

export function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
