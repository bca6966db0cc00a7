import { Activation, dtypeOf, Op, rowStride, Tensor } from "../blob";
import { BIT_TENSOR, OPS, SIGNED_INPUT, STREAMS, WIDE_INPUT } from "../features";
import { BLOCK_CHANNELS, clearTensor, firstRow, inputOf, outputOf, rows, sums } from "../regions";
import { Status } from "../status";
import { tile } from "../weights";
import { storeCodes } from "./code";

/** output[r, c] = post(element of input[r, c]) */
export function quantize(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(output, Tensor.channels);
  let offset = load<u32>(op, Op.weights);
  if (OPS & BIT_TENSOR) clearTensor(output);
  for (let first: u32 = 0; first < channels; offset += load<u32>(op, Op.tileBytes)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    let records = tile(offset, load<u32>(op, Op.tileBytes));
    if (STREAMS && !records) return Status.ReadFailed;
    records += load<u32>(op, Op.recordsAt);
    while (first < last) {
      const width = min<u32>(BLOCK_CHANNELS, last - first);
      let from = firstRow(input);
      let to = firstRow(output);
      for (let row: u32 = 0; row < rows; row++) {
        for (let c: u32 = 0; c < width; c++) store<i32>(sums + (c << 2), element(input, from, first + c));
        storeCodes(op, records, sums, width, output, to, first);
        from += rowStride(input);
        to += rowStride(output);
      }
      records += width * load<u16>(op, Op.recordStep);
      first += width;
    }
  }
  return Status.Ok;
}

/** Element `channel` of a row as an integer; an f32 as its order key (FORMAT.md). */
function element(tensor: usize, row: usize, channel: u32): i32 {
  if (OPS & SIGNED_INPUT && dtypeOf(tensor) == Activation.i8) return load<i8>(row + channel);
  if (!(OPS & WIDE_INPUT) || dtypeOf(tensor) == Activation.u8) return load<u8>(row + channel);
  const dtype = dtypeOf(tensor);
  if (dtype == Activation.i16) return load<i16>(row + (channel << 1));
  const bits = load<i32>(row + (channel << 2));
  return dtype == Activation.f32 ? bits ^ ((bits >> 31) & 0x7fffffff) : bits;
}
