import { Activation, Op, Tensor } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR, packingOf, SIGNED_INPUT } from "../features";
import { BLOCK_CHANNELS, BLOCK_ROWS, panelBytes, prepare, preparedBytes } from "../kernels";
import { isDepthwise, weightRowBytes } from "../packings";
import { DTYPES, STREAMS } from "../profiles";
import { blockChannels, clearTensor, inputOf, outputOf, positionAt, positionsOfAll, prepared, sums } from "../regions";
import { Status } from "../status";
import { dtypeOf } from "../tensors";
import { tile } from "../weights";
import { storeCodes } from "./code";
import { depthwise, depthwiseScratch } from "./depthwise";
import { multiply } from "./multiply";
import { columnsOf, outsideTaps, patchOf, tapsOf } from "./patch";
import { isTrit4, stripBytes } from "./trit4";

/** Patches that are gathered at a time. A patch of bits with taps outside counts twice. */
const PATCHES: u32 = BLOCK_ROWS;
const BIT_PATCHES: u32 = BLOCK_ROWS > 2 ? BLOCK_ROWS : 2;

/** Whether groups divide the channels of both tensors, and not the words of bits. */
export function conv2dFits(op: usize, from: i32, inputs: u32, channels: u32): bool {
  const groups: u32 = load<u16>(op, Op.groups);
  if (!groups || (inputs % groups) | (channels % groups)) return false;
  return !(DTYPES & BIT_TENSOR) || from != Activation.bit || groups == 1 || !((inputs / groups) & 31);
}

/** Bytes from one patch to the next. A patch of bits is followed by the number of its taps that are outside. */
function patchBytes(isBit: bool, columns: u32): u32 {
  return isBit ? (((columns + 127) >> 7) << 4) + 16 : (columns + 15) & ~15;
}

/** Bytes of scratch for `count` output positions: a panel and prepared patches, and patches. */
export function conv2dScratch(op: usize, from: i32, packing: u32, columns: u32, count: u32): u64 {
  const isBit: bool = DTYPES & BIT_TENSOR && from == Activation.bit;
  if (isDepthwise(op)) return depthwiseScratch(op);
  const bytes: u64 = patchBytes(isBit, columns);
  if (isBit) return bytes * BIT_PATCHES;
  if (isTrit4(op)) return stripBytes(op) + bytes;
  const own: u64 = preparedBytes(packing, columns, count);
  return panelBytes(packing, count, BLOCK_ROWS) + (own ? own * PATCHES + bytes : bytes * PATCHES);
}

/**
 * output[y, x, m] = post(Σ weights[m, ky, kx, c] · input[tap, c]). A few patches at a time are gathered, and are rows for the kernels of dense ops.
 * A tap of bits outside the input adds nothing: such a patch is gathered with bits of 0 there and with bits of 1, whose products cancel
 * one another, so that half of both sums is what the taps inside give.
 */
export function conv2d(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const packing = packingOf(op);
  const inputs = load<u32>(input, Tensor.channels);
  const channels = load<u32>(output, Tensor.channels);
  const inTaps = isDepthwise(op); // all channels are one group
  const span = inTaps ? channels : channels / load<u16>(op, Op.groups);
  const post = load<u8>(op, Op.post);
  const isBit: bool = DTYPES & BIT_TENSOR && dtypeOf(input) == Activation.bit;
  const signed: bool = DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8;
  const columns = columnsOf(op, dtypeOf(input), inputs);
  const count = positionsOfAll(output);
  const own = isBit ? 0 : preparedBytes(packing, columns, count);
  const codes = isBit ? prepared : prepared + panelBytes(packing, count, BLOCK_ROWS);
  const step = own ? own : patchBytes(isBit, columns);
  const rowBytes = weightRowBytes(packing, columns);
  const excess = isBit ? columns / tapsOf(op) - inputs / load<u16>(op, Op.groups) : 0; // bits that pad a tap, each of which adds 1
  const patches = isBit ? BIT_PATCHES - 1 : PATCHES; // of bits, the last may take two
  let offset = load<u32>(op, Op.weights);
  let first: u32 = 0;
  if (DTYPES & BIT_TENSOR) clearTensor(output);
  do {
    const group = first / span;
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), (group + 1) * span);
    const weights = tile(offset, STREAMS ? load<u32>(op, Op.tileBytes) : 0);
    if (STREAMS && !weights) return Status.ReadFailed;
    for (let i: u32 = 0; i < count; ) {
      if (inTaps) {
        i = depthwise(op, i, weights, first, last);
        continue;
      }
      const start = i;
      let height: u32 = 0;
      do {
        const at = codes + height++ * step;
        const to = own ? codes + own * PATCHES : at;
        const patch = patchOf(op, i++, group, isBit ? 0 : load<u8>(op, Op.pad), to);
        if (own) prepare(signed, packing, patch, columns, count, at);
        else if (patch != at) copy(at, patch, step);
        if (!isBit) continue;
        store<u32>(at + step - 16, outsideTaps);
        if (outsideTaps) patchOf(op, i - 1, group, 0xff, codes + height++ * step);
      } while (i < count && height < patches);
      const most = BLOCK_ROWS == 1 ? BLOCK_CHANNELS / height : blockChannels(height);
      let width: u32 = 0;
      for (let c = first; c < last; c += width) {
        width = min(most, last - c);
        const block = weights + (c - first) * rowBytes;
        for (let r: u32 = 0; r < height; r += BLOCK_ROWS) {
          const rows = BLOCK_ROWS == 1 ? 1 : height;
          multiply(
            op,
            count,
            block,
            rowBytes,
            width,
            codes + r * step,
            step,
            rows,
            columns,
            sums + r * (width << 2),
            width << 2,
          );
        }
        const records = weights + load<u32>(op, Op.recordsAt) + (c - first) * load<u16>(op, Op.recordStep);
        for (let j = start, r: u32 = 0; j < i; j++, r++) {
          const total = sums + r * (width << 2);
          if (isBit) {
            const outside = load<u32>(codes + r * step + step - 16);
            if (outside) r++;
            insideOf(total, width, outside != 0, excess * (tapsOf(op) - outside));
          }
          const to = positionAt(output, j);
          if (post) storeCodes(op, records, total, width, output, to, c);
          else copy(to + (c << 2), total, width << 2);
        }
      }
    }
    offset += load<u32>(op, Op.tileBytes);
    first = last;
  } while (first < channels);
  return Status.Ok;
}

/** What taps inside the input give of `width` sums of bits: half of two sums that stand behind each other, if some taps are outside, less what pads the taps. */
function insideOf(at: usize, width: u32, isPart: bool, excess: u32): void {
  for (const end = at + (width << 2); at < end; at += 4) {
    let sum = load<i32>(at);
    if (isPart) sum = (sum + load<i32>(at + (width << 2))) >> 1;
    store<i32>(at, sum - excess);
  }
}
