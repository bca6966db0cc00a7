import { Activation, MAX_CHANNELS, Op, Tensor } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR } from "../features";
import { READS_WINDOWS } from "../kernels";
import { isDepthwise } from "../packings";
import { DTYPES } from "../profiles";
import { inputOf } from "../regions";
import { positionBytes } from "../tensors";
import { bottom, left, origin, right, seekWindow, top } from "./window";

/** Taps of the kernel; below 2^32. */
export function tapsOf(op: usize): u32 {
  return <u32>load<u16>(op, Op.kernelHeight) * load<u16>(op, Op.kernelWidth);
}

/** Weights of an output channel, with those that pad a tap of bits; 0, or more than 2^20, where no kernel takes as many. */
export function columnsOf(op: usize, from: i32, inputs: u32): u32 {
  let each = inputs / load<u16>(op, Op.groups);
  if (DTYPES & BIT_TENSOR && from == Activation.bit) each = (each + 31) & ~31;
  return <u32>min<u64>(<u64>tapsOf(op) * each, MAX_CHANNELS + 1);
}

/** Taps of the last patch that lay outside the input. */
export let outsideTaps: u32 = 0;

/**
 * The elements that position `i` of an op's output sees, of the input channels of a group, tap by tap: where they lie, if they lie together at a multiple of
 * 16, otherwise gathered at `to`. Bytes of taps outside the input are `outside`.
 */
export function patchOf(op: usize, i: u32, group: u32, outside: i32, to: usize): usize {
  const input = inputOf(op);
  const height: i32 = load<u16>(input, Tensor.height);
  const width: i32 = load<u16>(input, Tensor.width);
  const bytes = positionBytes(input);
  const inTaps = isDepthwise(op); // whose channels stay together
  const tapBytes = inTaps ? bytes : bytes / load<u16>(op, Op.groups);
  const dilationX: i32 = load<u16>(op, Op.dilationX);
  const kernelWidth: i32 = load<u16>(op, Op.kernelWidth);
  const run = dilationX == 1 && tapBytes == bytes ? kernelWidth : 1; // taps that lie together
  seekWindow(op, i);
  const first = origin + group * tapBytes;

  outsideTaps = 0;
  const isInside = i32(top >= 0) & i32(left >= 0) & i32(right <= width) & i32(bottom <= height);
  if (READS_WINDOWS && isInside & i32(inTaps)) return first + (top * width + left) * bytes;
  if (isInside & i32(run == kernelWidth)) {
    const at = first + (top * width + left) * bytes;
    const areLines = i32(run == width) & i32(tapBytes == bytes) & i32(load<u16>(op, Op.dilationY) == 1);
    const isWhole = i32(bottom == top + 1) | areLines;
    if (isWhole & i32(!(at & 15))) return at;
  }
  const patch = to;
  for (let iy = top; iy < bottom; iy += load<u16>(op, Op.dilationY)) {
    for (let ix = left; ix < right; ix += run * dilationX) {
      let from = max(ix, 0);
      let end = min(ix + run, width);
      if (<u32>iy >= <u32>height || end <= from) from = end = ix + run; // all are outside
      fill(to, (from - ix) * tapBytes, outside);
      to += (from - ix) * tapBytes;
      copy(to, first + (iy * width + from) * bytes, (end - from) * tapBytes);
      to += (end - from) * tapBytes;
      fill(to, (ix + run - end) * tapBytes, outside);
      to += (ix + run - end) * tapBytes;
      outsideTaps += run - (end - from);
    }
  }
  return patch;
}

function fill(to: usize, bytes: u32, byte: i32): void {
  for (const end = to + bytes; to < end; to++) store<u8>(to, byte);
}
