import { CheckpointError } from "../../base/errors.ts";
import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import { codeRange } from "../../numbers/quantizer.ts";
import { Refusal } from "../refusal.ts";
import { isExtent, MAX_EXTENT, type Padding, widened } from "../window.ts";
import { axisOf, type Call, type Data, integers, operand, shapeText, type Value } from "./call.ts";
import { pictureOperand, sized, windowOf } from "./conv.ts";
import { emit, type Piece } from "./emit.ts";
import { FOLDED } from "./fold.ts";
import { quantizerOf } from "./pad.ts";
import type { Pictured } from "./picture.ts";

type PoolPiece = Extract<Piece, { op: "maxpool" | "avgpool" }>;

/** MaxPool(X): padding does not count. Nor do zeros that a Pad put around numbers of which none is below 0, as long as a window sees one of those. */
export function maxPool(call: Call): Value {
  const { padded, ...x } = pictureOperand(call, 0);
  if (padded && !isNeverNegative(call, x.value)) {
    throw new Refusal(
      "zeros that a Pad made may be the greatest",
      "a Relu or an unsigned quantizer before the Pad, or padding of the pool's own",
    );
  }
  return pooled(call, x, { op: "maxpool", window: windowOfPool(call, x).window }, padded);
}

function isNeverNegative(call: Call, value: string): boolean {
  const node = call.sink.makers.get(value);
  if (node?.op === "step" && node.step.kind === "relu") return true;
  const quantizer = quantizerOf(call, value);
  if (quantizer?.kind !== "int") return false;
  const { min } = codeRange(quantizer);
  return quantizer.zero.every((zero) => zero <= min) && quantizer.scale.every((unit) => unit > 0);
}

/** AveragePool(X). */
export function averagePool(call: Call): Value {
  const x = pictureOperand(call, 0);
  const { window, isLonger } = windowOfPool(call, x);
  const countsPadding = call.attributes.int("count_include_pad") === 1;
  if (countsPadding && isLonger) {
    const why = "its last windows end behind the padding, where nothing is counted";
    throw new Refusal(why, "ceil_mode = 0, or padding that they end in");
  }
  return pooled(call, x, { op: "avgpool", window, countsPadding });
}

export function globalMaxPool(call: Call): Value {
  const x = pictureOperand(call, 0);
  return pooled(call, x, { op: "maxpool", window: wholeOf(x.picture) });
}

export function globalAveragePool(call: Call): Value {
  const x = pictureOperand(call, 0);
  return pooled(call, x, { op: "avgpool", window: wholeOf(x.picture), countsPadding: false });
}

/** ReduceMean and ReduceMax: of pictures over all positions; on constants they compute. */
export function reduceMean(call: Call): Value {
  return reduced(call, (window) => ({ op: "avgpool", window, countsPadding: false }));
}

export function reduceMax(call: Call): Value {
  return reduced(call, (window) => ({ op: "maxpool", window }));
}

function reduced(call: Call, make: (window: PaddedWindow) => PoolPiece): Value {
  const x = operand(call, 0);
  const { picture } = x.kind === "data" ? x : {};
  if (x.kind === "constant" || !picture || picture.flat) return FOLDED[call.opType]!(call);
  const first = x.dims.length - picture.axes.length;
  const positions = picture.axes.flatMap((axis, i) => (axis === "c" ? [] : [first + i]));
  const axes = (integers(call, "axes", 1) ?? []).map((axis) => axisOf(call, axis, x.dims.length));
  if (`${axes.toSorted((a, b) => a - b)}` !== `${positions}`) {
    throw new Refusal(
      `it reduces axes [${axes}] of pictures ${shapeText(x.dims)}`,
      `the axes of all positions, [${positions}]`,
    );
  }
  const whole = pooled(call, { ...x, picture }, make(wholeOf(picture)));
  if (call.attributes.int("keepdims") ?? 1) return whole;
  const { picture: _, ...vector } = whole;
  return { ...vector, dims: whole.dims.filter((_, axis) => !axes.includes(axis)) };
}

/** A picture cut to every so many lines or positions, from the first on: the indices that are kept of some axes. */
export function everyNth(call: Call, value: Data, axes: readonly number[], kept: readonly number[][]): Value {
  const whole = axes.every((axis, i) => kept[i]!.length === value.dims[axis]);
  if (whole) return value;
  if (!value.picture) throw new Refusal("it picks data", "whole vectors: only constants, shapes and pictures are cut");
  const x = pictureOperand(call, 0);
  const stride = { h: 1, w: 1, c: 1 };
  for (const [i, axis] of axes.entries()) {
    const [size, own] = [x.dims[axis]!, kept[i]!];
    if (own.length === size) continue;
    const name = x.picture.axes[axis - (x.dims.length - x.picture.axes.length)];
    const step = own.length > 1 ? own[1]! - own[0]! : size;
    const isEven = own[0] === 0 && own.length === Math.ceil(size / step) && step > 0;
    if (name === undefined || name === "c" || !isEven) {
      throw new Refusal(
        `it keeps ${own.length} of ${size} along axis ${axis}`,
        "every so many lines or positions, from the first on",
      );
    }
    stride[name] = step;
  }
  const window: PaddedWindow = {
    ...{ kernelHeight: 1, strideY: stride.h, dilationY: 1, padTop: 0, padBottom: 0 },
    ...{ kernelWidth: 1, strideX: stride.w, dilationX: 1, padLeft: 0, padRight: 0 },
  };
  return pooled(call, x, { op: "maxpool", window });
}

/** Adds the pool, with the zeros around its input as padding; nothing can be one whose window does not fit. */
function pooled(call: Call, x: Data & { picture: Pictured }, piece: PoolPiece, padded?: Padding): Data {
  const { height, width } = windowSize(piece.window, x.picture);
  if (height < 1 || width < 1) {
    const { kernelHeight, kernelWidth } = piece.window;
    throw new CheckpointError(
      `${call.opType} "${call.name}": a kernel of ${kernelHeight} × ${kernelWidth} does not fit ${shapeText(x.dims)}`,
    );
  }
  return emit(call, { ...x, ...sized(x, { height, width, channels: x.picture.channels }) }, [
    { ...piece, window: widened(piece.window, padded) },
  ]);
}

/** The window of a pool, and whether ceil_mode makes it longer than its padding. */
function windowOfPool(call: Call, x: Data & { picture: Pictured }): { window: PaddedWindow; isLonger: boolean } {
  const kernel = call.attributes.ints("kernel_shape") ?? [];
  if (!kernel.every((size) => isExtent(size, 1))) {
    const expected = `expected 1 to ${MAX_EXTENT} of each`;
    throw new CheckpointError(`${call.opType} "${call.name}": kernel_shape [${kernel}], ${expected}`);
  }
  const window = windowOf(call, kernel, x.picture);
  if (!call.attributes.int("ceil_mode")) return { window, isLonger: false };
  const { height, width } = x.picture;
  const padBottom = reach(
    height,
    window.kernelHeight,
    window.strideY,
    window.dilationY,
    window.padTop,
    window.padBottom,
  );
  const padRight = reach(width, window.kernelWidth, window.strideX, window.dilationX, window.padLeft, window.padRight);
  const isLonger = padBottom > window.padBottom || padRight > window.padRight;
  return { window: { ...window, padBottom, padRight }, isLonger };
}

/** How far behind the input windows end where the last one may leave the padding, as long as it begins in the input or the padding before it. */
function reach(size: number, kernel: number, stride: number, dilation: number, before: number, after: number): number {
  const span = (kernel - 1) * dilation + 1;
  const windows = Math.ceil((size + before + after - span) / stride) + 1;
  const last = ((windows - 1) * stride >= size + before ? windows - 2 : windows - 1) * stride;
  return Math.max(after, last + span - size - before);
}

function wholeOf({ height, width }: Pictured): PaddedWindow {
  return {
    ...{ kernelHeight: height, strideY: 1, dilationY: 1, padTop: 0, padBottom: 0 },
    ...{ kernelWidth: width, strideX: 1, dilationX: 1, padLeft: 0, padRight: 0 },
  };
}
