import { Activation, Op, Tensor } from "../blob";
import { copy } from "../copy";
import { SIGNED_INPUT } from "../features";
import { READS_WINDOWS, tap8Code } from "../kernels";
import { DTYPES } from "../profiles";
import { inputOf, outputOf, positionAt, prepared } from "../regions";
import { dtypeOf, positionBytes } from "../tensors";
import { storeCodes } from "./code";
import { patchOf, tapsOf } from "./patch";
import { right } from "./window";

// Positions of convolutions in groups of one channel, with weights in tap8, which conv2d.ts runs.

/** Bytes for the sums of a tile's channels, of which kernels may write whole groups. */
function sumsBytes(op: usize): u32 {
  return (load<u16>(op, Op.tileChannels) + 16) << 2;
}

/** Bytes of scratch: sums, and a patch of all channels, of which kernels may read whole vectors. */
export function depthwiseScratch(op: usize): u64 {
  return sumsBytes(op) + <u64>tapsOf(op) * load<u16>(op, Op.groups) + 16;
}

/**
 * Channels `first` … `last` − 1, whose weights and records are in a tile, of position `i` of all rows and of those behind it in its line whose windows lie inside the
 * input, as its own does; returns the number of the next position. Channels lie side by side in the input, so that a tap of the kernel is a line of them times a line of
 * weights. A window inside the input is read where it lies, another one is gathered.
 */
export function depthwise(op: usize, i: u32, tile: usize, first: u32, last: u32): u32 {
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
      tile,
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
      storeCodes(op, tile + load<u32>(op, Op.recordsAt), prepared, last - first, output, to, first);
    else copy(to + (first << 2), prepared, (last - first) << 2);
    if (isGathered) return i + 1;
    codes += inputs * load<u8>(op, Op.strideX);
    edge += load<u8>(op, Op.strideX);
    to += positionBytes(output);
  } while (++i % outputWidth && edge <= width);
  return i;
}
