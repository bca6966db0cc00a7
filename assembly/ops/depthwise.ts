import { Activation, Op, Tensor } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR, SIGNED_INPUT } from "../features";
import { READS_WINDOWS, tap8Code } from "../kernels";
import { DTYPES, STREAMS } from "../profiles";
import { clearTensor, inputOf, outputOf, positionAt, positionsOfAll, prepared } from "../regions";
import { Status } from "../status";
import { dtypeOf, positionBytes } from "../tensors";
import { tile } from "../weights";
import { storeCodes } from "./code";
import { patchOf, tapsOf } from "./patch";
import { right } from "./window";

/** Bytes for the sums of a tile's channels, of which kernels may write whole groups. */
function sumsBytes(op: usize): u32 {
  return (load<u16>(op, Op.tileChannels) + 16) << 2;
}

/** Bytes of scratch: sums, and a patch of all channels, of which kernels may read whole vectors. */
export function depthwiseScratch(op: usize): u64 {
  return sumsBytes(op) + <u64>tapsOf(op) * load<u16>(op, Op.groups) + 16;
}

/** conv2d in groups of one channel, with weights in tap8, tile by tile. */
export function depthwise(op: usize): Status {
  const output = outputOf(op);
  const channels = load<u32>(output, Tensor.channels);
  const count = positionsOfAll(output);
  if (DTYPES & BIT_TENSOR) clearTensor(output);
  let offset = load<u32>(op, Op.weights);
  for (let first: u32 = 0; first < channels; offset += load<u32>(op, Op.tileBytes)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    const weights = tile(offset, STREAMS ? load<u32>(op, Op.tileBytes) : 0);
    if (STREAMS && !weights) return Status.ReadFailed;
    for (let i: u32 = 0; i < count; ) i = positionsFrom(op, i, weights, first, last);
    first = last;
  }
  return Status.Ok;
}

/**
 * Channels `first` … `last` − 1, whose weights and records are in a tile, of position `i` of all rows and of those behind it in its line whose windows lie inside the
 * input, as its own does; returns the number of the next position. Channels lie side by side in the input, so that a tap of the kernel is a line of them times a line of
 * weights. A window inside the input is read where it lies, another one is gathered.
 */
function positionsFrom(op: usize, i: u32, weights: usize, first: u32, last: u32): u32 {
  const input = inputOf(op);
  const output = outputOf(op);
  const inputs: u32 = load<u16>(op, Op.groups);
  const channels = load<u32>(output, Tensor.channels);
  const kernelWidth: u32 = load<u16>(op, Op.kernelWidth);
  const width: u32 = load<u16>(input, Tensor.width);
  const outputWidth: u32 = load<u16>(output, Tensor.width);
  const signed: bool = DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8;
  const taps = tapsOf(op);
  const patch = prepared + sumsBytes(op);
  let codes = patchOf(op, i, 0, load<u8>(op, Op.pad), patch);
  const isGathered: bool = !READS_WINDOWS || codes == patch;
  const tapStep = isGathered ? inputs : inputs * load<u16>(op, Op.dilationX);
  const lineStep = inputs * (isGathered ? kernelWidth : width * load<u16>(op, Op.dilationY));
  let to = positionAt(output, i);
  let edge: u32 = right;
  do {
    tap8Code(
      signed,
      weights,
      taps,
      kernelWidth,
      codes,
      tapStep,
      lineStep,
      first,
      channels / inputs,
      last - first,
      prepared,
    );
    if (load<u8>(op, Op.post))
      storeCodes(op, weights + load<u32>(op, Op.recordsAt), prepared, last - first, output, to, first);
    else copy(to + (first << 2), prepared, (last - first) << 2);
    if (isGathered) return i + 1;
    codes += inputs * load<u8>(op, Op.strideX);
    edge += load<u8>(op, Op.strideX);
    to += positionBytes(output);
  } while (++i % outputWidth && edge <= width);
  return i;
}
