import type { Tiling } from "../blob/tiles.ts";
import type { Conv2dOp, Tensor, Window } from "../program.ts";
import { elementCount, positionBytes, positionCount } from "../shape.ts";

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
  const inside = (count: number, size: number, kernel: number, stride: number, dilation: number, pad: number) => {
    const isInside = (at: number) => at * stride >= pad && at * stride - pad + (kernel - 1) * dilation < size;
    return Array.from({ length: count }, (_, at) => at).filter(isInside).length;
  };
  const rows = inside(output.height, input.height, kernelHeight, strideY, dilationY, padTop);
  const columns = inside(output.width, input.width, kernelWidth, strideX, dilationX, padLeft);
  return positionCount(output) - rows * columns;
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
  const lines = seenBy(
    window.kernelHeight,
    window.strideY,
    window.dilationY,
    window.padTop,
    input.height,
    output.height,
  );
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
    ...[1, tiling.tiles * input.height * ahead, tables, tables * window.kernelHeight * window.kernelWidth],
    ...[calls, strips * lines * taps * fours, elementCount(output)],
  ];
}

/** Output positions that see an input position, summed over all of these, in one direction. */
function seenBy(kernel: number, stride: number, dilation: number, pad: number, size: number, outputs: number): number {
  const window = { kernelWidth: kernel, strideX: stride, dilationX: dilation, padLeft: pad };
  const at = Array.from({ length: size }, (_, x) => x);
  return sum(
    at.map((x) =>
      sum(Array.from({ length: kernel }, (_, k) => (outputOf(x, k, window, outputs) === undefined ? 0 : 1))),
    ),
  );
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

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
