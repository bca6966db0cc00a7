import { Activation, Op, OpKind, Packing, Tensor } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR, CONV2D, packingOf, SIGNED_INPUT, TRIT4, TRIT4_ALONE } from "../features";
import { BLOCK_CHANNELS, trit4Start, trit4Sums, trit4Tables } from "../kernels";
import { DTYPES, OPS, PACKINGS, STREAMS } from "../profiles";
import {
  clearTensor,
  firstRow,
  inputOf,
  nextPosition,
  outputOf,
  positionsOfAll,
  prepared,
  rows,
  sums,
} from "../regions";
import { Status } from "../status";
import { dtypeOf } from "../tensors";
import { tile } from "../weights";
import { recordBytes, storeCodes } from "./code";
import { element } from "./elements";
import { columnsOf, patchOf } from "./patch";

/** Inputs of a strip, and bytes of a group of four channels in one. */
export const STRIP_INPUTS: u32 = 16;
const GROUP_BYTES: u32 = 16;

export function stripsOf(inputs: u32): u32 {
  return (inputs + STRIP_INPUTS - 1) / STRIP_INPUTS;
}

/** Whether an op has weights in trit4. */
export function isTrit4(op: usize): bool {
  if (!(PACKINGS & TRIT4)) return false;
  const kind: i32 = load<u8>(op, Op.kind);
  return (kind == OpKind.dense || (OPS & CONV2D && kind == OpKind.conv2d)) && packingOf(op) == Packing.trit4;
}

/** Bytes of a strip, which holds all channels of a tile; sums of these channels take as many. */
export function stripBytes(op: usize): u32 {
  return ((load<u16>(op, Op.tileChannels) + 3) >> 2) * GROUP_BYTES;
}

/** Bytes that are read at a time: a strip, or the parameter records of a block of channels. */
export function stripBuffer(op: usize): u32 {
  return max(stripBytes(op), (BLOCK_CHANNELS - 1) * load<u16>(op, Op.recordStep) + recordBytes(op));
}

/**
 * Dense and conv2d with weights in trit4: strips are the outer loop, so that a table serves all channels of a tile, whose sums stand in scratch
 * meanwhile. Streamed weights are read strip by strip. Builds without other packings quantize here too.
 */
export function trit4(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(output, Tensor.channels);
  const convolves = OPS & CONV2D && load<u8>(op, Op.kind) == OpKind.conv2d;
  const span = convolves ? channels / load<u16>(op, Op.groups) : channels; // that share their inputs
  let inputs = load<u32>(input, Tensor.channels);
  if (convolves) inputs = columnsOf(op, dtypeOf(input), inputs);
  const positions = positionsOfAll(output);
  const quantizes = TRIT4_ALONE && load<u8>(op, Op.kind) == OpKind.quantize;
  const post = load<u8>(op, Op.post);
  const bytes = stripBytes(op);
  if (DTYPES & BIT_TENSOR) clearTensor(output);
  let offset = load<u32>(op, Op.weights);
  let first: u32 = 0;
  do {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), convolves ? (first / span + 1) * span : channels);
    let row = firstRow(input);
    let to = firstRow(output);
    for (let r: u32 = 0; r < positions; r++) {
      const total = post || convolves ? prepared : to + (first << 2); // positions lie closer together than groups are wide
      const end = total + ((last - first) << 2);
      let from = offset;
      if (!quantizes) {
        trit4Start(total, end, stripsOf(inputs));
        if (convolves) row = patchOf(op, r, first / span, load<u8>(op, Op.pad), prepared + bytes);
        const signed: bool = DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8;
        for (let k: u32 = 0; k < inputs; k += STRIP_INPUTS, from += bytes) {
          const weights = tile(from, bytes);
          if (STREAMS && !weights) return Status.ReadFailed;
          trit4Tables(signed, row + k);
          trit4Sums(weights, total, end, rows >> 29); // there are never so many
        }
      }
      if (post) {
        from = offset + load<u32>(op, Op.recordsAt);
        const step: u32 = load<u16>(op, Op.recordStep);
        let records: usize = 0;
        for (let c = first; c < last; c += BLOCK_CHANNELS, from += BLOCK_CHANNELS * step) {
          const count = min(BLOCK_CHANNELS, last - c);
          if (step || c == first) records = tile(from, (count - 1) * step + recordBytes(op));
          if (STREAMS && !records) return Status.ReadFailed;
          if (quantizes) for (let i: u32 = 0; i < count; i++) store<i32>(sums + (i << 2), element(input, row, c + i));
          const block = quantizes ? sums : total + ((c - first) << 2);
          storeCodes(op, records, block, count, output, to, c);
        }
      }
      if (convolves && !post) copy(to + (first << 2), total, end - total);
      row = nextPosition(input, row, r);
      to = nextPosition(output, to, r);
    }
    offset += load<u32>(op, Op.tileBytes);
    first = last;
  } while (first < channels);
  return Status.Ok;
}
