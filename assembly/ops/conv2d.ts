import { Activation, Form, Op, Tensor } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR, packingOf, SIGNED_INPUT, weightOffset } from "../features";
import {
  BLOCK_CHANNELS,
  BLOCK_ROWS,
  HAS_VECTORS,
  PAIRS,
  pairBytes,
  pairCode,
  panelBytes,
  prepare,
  preparedBytes,
  preparePair,
} from "../kernels";
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

/** Whether two patches are multiplied at a time; builds that gain nothing by it do not. */
function isPaired(op: usize): bool {
  return PAIRS && load<u8>(op, Op.form) == Form.pair;
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
  if (isPaired(op)) return pairBytes(columns) + 2 * bytes;
  const own: u64 = preparedBytes(packing, columns, count);
  return panelBytes(packing, count, BLOCK_ROWS) + (own ? own * PATCHES + bytes : bytes * PATCHES);
}

/**
 * output[y, x, m] = post(Σ weights[m, ky, kx, c] · input[tap, c]). A few patches at a time are gathered, and are rows for the kernels of dense ops, tile by tile:
 * gathering them anew for every tile would take longer than reading the tile. A tap of bits outside the input adds nothing: such a patch is gathered with bits
 * of 0 there and with bits of 1, whose products cancel one another, so that half of both sums is what the taps inside give.
 */
export function conv2d(op: usize): Status {
  if (isDepthwise(op)) return depthwise(op);
  const input = inputOf(op);
  const output = outputOf(op);
  const packing = packingOf(op);
  const inputs = load<u32>(input, Tensor.channels);
  const channels = load<u32>(output, Tensor.channels);
  const span = channels / load<u16>(op, Op.groups);
  const post = load<u8>(op, Op.post);
  const isBit: bool = DTYPES & BIT_TENSOR && dtypeOf(input) == Activation.bit;
  const signed: bool = DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8;
  const pad = isBit ? 0 : load<u8>(op, Op.pad);
  const columns = columnsOf(op, dtypeOf(input), inputs);
  const count = positionsOfAll(output);
  const paired = isPaired(op);
  const own = isBit ? 0 : paired ? pairBytes(columns) : preparedBytes(packing, columns, count);
  const codes = isBit ? prepared : prepared + panelBytes(packing, count, BLOCK_ROWS);
  const step = own ? own : patchBytes(isBit, columns);
  const rowBytes = weightRowBytes(packing, columns);
  const excess = isBit ? columns / tapsOf(op) - inputs / load<u16>(op, Op.groups) : 0; // bits that pad a tap, each of which adds 1
  const patches = isBit ? BIT_PATCHES - 1 : PATCHES; // of bits, the last may take two
  if (DTYPES & BIT_TENSOR) clearTensor(output);
  let offset = load<u32>(op, Op.weights);
  for (let first: u32 = 0; first < channels; first += span) {
    const group = first / span;
    let next = offset;
    for (let i: u32 = 0; i < count; ) {
      const start = i;
      let height: u32 = 0;
      if (paired) {
        const a = patchOf(op, i++, group, pad, codes + own);
        const b = i < count ? patchOf(op, i++, group, pad, codes + own + patchBytes(false, columns)) : a;
        preparePair(signed, a, b, columns, codes);
        height = 2;
      } else {
        do {
          const at = codes + height++ * step;
          const to = own ? codes + own * PATCHES : at;
          const patch = patchOf(op, i++, group, pad, to);
          if (own) prepare(signed, packing, patch, columns, count, at);
          else if (patch != at) copy(at, patch, step);
          if (!isBit) continue;
          store<u32>(at + step - 16, outsideTaps);
          if (outsideTaps) patchOf(op, i - 1, group, 0xff, codes + height++ * step);
        } while (i < count && height < patches);
      }
      const most = BLOCK_ROWS == 1 ? BLOCK_CHANNELS / height : blockChannels(height);
      next = offset;
      for (let from = first; from < first + span; next += load<u32>(op, Op.tileBytes)) {
        const last = min<u32>(from + load<u16>(op, Op.tileChannels), first + span);
        let weights = tile(next, STREAMS ? load<u32>(op, Op.tileBytes) : 0);
        if (STREAMS && !weights) return Status.ReadFailed;
        let records = weights + load<u32>(op, Op.recordsAt);
        for (let width: u32 = 0; from < last; from += width) {
          width = min(most, last - from);
          if (paired) {
            pairCode(-weightOffset(op), weights, rowBytes, width, codes, columns, sums, width << 2);
          } else {
            for (let r: u32 = 0; r < height; r += BLOCK_ROWS) {
              const rows = BLOCK_ROWS == 1 ? 1 : height;
              const to = sums + r * (width << 2);
              multiply(op, count, weights, rowBytes, width, codes + r * step, step, rows, columns, to, width << 2);
            }
          }
          for (let j = start, r: u32 = 0; j < i; j++, r++) {
            const total = sums + r * (width << 2);
            if (isBit) {
              const outside = load<u32>(codes + r * step + step - 16);
              if (outside) r++;
              const extra = excess * (tapsOf(op) - outside);
              if (!HAS_VECTORS || outside | extra) insideOf(total, width, outside != 0, extra);
            }
            const to = positionAt(output, j);
            if (post) storeCodes(op, records, total, width, output, to, from);
            else if (HAS_VECTORS) copy(to + (from << 2), total, width << 2);
            else for (let m: u32 = 0; m < width; m++) store<i32>(to + ((from + m) << 2), load<i32>(total + (m << 2)));
          }
          weights += width * rowBytes;
          records += width * load<u16>(op, Op.recordStep);
        }
      }
    }
    offset = next;
  }
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
