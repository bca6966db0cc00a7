import { Op, OpKind, Tensor } from "../blob";
import { UPSAMPLE } from "../features";
import { OPS } from "../profiles";
import { firstRow, inputOf, outputOf } from "../regions";
import { positionBytes, rowStride } from "../tensors";

// What a position of an op's output sees of the input (FORMAT.md, "window").

/** Where the window of a position begins and, a step behind its last tap, ends; in positions of the input, perhaps outside. */
export let top: i32 = 0;
export let left: i32 = 0;
export let bottom: i32 = 0;
export let right: i32 = 0;
/** Address of the first position of the input's row. */
export let origin: usize = 0;

/** The tap that a walk has reached. */
let tapY: i32 = 0;
let tapX: i32 = 0;

/** Whether windows lie less than a position apart: strides divide. */
export function isUpsample(op: usize): bool {
  return OPS & UPSAMPLE && load<u8>(op, Op.kind) == OpKind.upsample;
}

/** Whether taps and windows lie apart, and a window spans less than 2^17. */
export function windowFits(op: usize): bool {
  const dilationY: u32 = load<u16>(op, Op.dilationY);
  const dilationX: u32 = load<u16>(op, Op.dilationX);
  const spans = max(load<u16>(op, Op.kernelHeight) * dilationY, load<u16>(op, Op.kernelWidth) * dilationX);
  if (isUpsample(op) && !(load<u8>(op, Op.strideY) && load<u8>(op, Op.strideX))) return false;
  return dilationY && dilationX && !(spans >> 17);
}

/** The window of position `i` of all rows of an op's output; a walk begins before its first tap. */
export function seekWindow(op: usize, i: u32): void {
  const input = inputOf(op);
  const output = outputOf(op);
  const height: u32 = load<u16>(output, Tensor.height);
  const width: u32 = load<u16>(output, Tensor.width);
  const line = i / width;
  const row = line / height;
  top = scaled(op, line - row * height, load<u8>(op, Op.strideY)) - load<u16>(op, Op.padTop);
  left = scaled(op, i - line * width, load<u8>(op, Op.strideX)) - load<u16>(op, Op.padLeft);
  bottom = top + load<u16>(op, Op.kernelHeight) * load<u16>(op, Op.dilationY);
  right = left + load<u16>(op, Op.kernelWidth) * load<u16>(op, Op.dilationX);
  origin = firstRow(input) + row * rowStride(input);
  tapY = top;
  tapX = left - load<u16>(op, Op.dilationX);
}

/** Where the window of a position begins, in one direction and without padding. */
function scaled(op: usize, position: u32, stride: u32): u32 {
  return isUpsample(op) ? position / stride : position * stride;
}

/** Address of the next tap inside the input, or 0 behind the last. */
export function nextTap(op: usize): usize {
  const input = inputOf(op);
  const width: i32 = load<u16>(input, Tensor.width);
  const end = min(bottom, <i32>load<u16>(input, Tensor.height));
  do {
    tapX += load<u16>(op, Op.dilationX);
    if (tapY < 0 || tapX >= right || tapX >= width) {
      tapX = left;
      tapY += load<u16>(op, Op.dilationY);
    }
    if (tapY >= end) return 0;
  } while (tapY < 0 || <u32>tapX >= <u32>width);
  return origin + (tapY * width + tapX) * positionBytes(input);
}
