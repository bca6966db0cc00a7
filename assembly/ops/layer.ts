import { Activation, dtypeOf, Op, OpKind, Packing, rowStride, Tensor, weightRowBytes } from "../blob";
import { BIT_TENSOR, DATA, OPS, packingOf, QUANTIZE, SIGN32, SIGNED_INPUT, STREAMS, WIDE_INPUT } from "../features";
import { fieldCode, orderCodes, orderedBytes, signBit, signCode } from "../kernels";
import { clearTensor, firstRow, inputOf, ordered, outputOf, rows } from "../regions";
import { Status } from "../status";
import { tile } from "../weights";
import { codeOf, storeCode } from "./code";

/**
 * The ops dense and quantize: an integer per row and output channel, then its code.
 *
 *     dense      output[r, m] = post(Σ_k weights[m, k] · input[r, k])
 *     quantize   output[r, m] = post(element of input[r, m])
 *
 * Tiles are the outer loop, so that streamed weights are read once.
 */
export function layer(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const inputs = load<u32>(input, Tensor.channels);
  const channels = load<u32>(output, Tensor.channels);
  const quantizes = OPS & QUANTIZE && load<u8>(op, Op.kind) == OpKind.quantize;
  const packing = packingOf(op);
  const rowBytes = quantizes ? 0 : weightRowBytes(packing, inputs);
  const codeBytes = quantizes || dtypeOf(input) == Activation.bit ? 0 : orderedBytes(packing, inputs);
  let offset = load<u32>(op, Op.weights);
  if (OPS & BIT_TENSOR) clearTensor(output);
  if (ASC_FEATURE_SIMD && codeBytes) orderRows(packing, input, codeBytes);
  for (let first: u32 = 0; first < channels; offset += load<u32>(op, Op.tileBytes)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    const weights = tile(offset, load<u32>(op, Op.tileBytes));
    if (STREAMS && !weights) return Status.ReadFailed;
    let from = firstRow(input);
    let to = firstRow(output);
    for (let row: u32 = 0; row < rows; row++) {
      let record = weights + load<u32>(op, Op.recordsAt);
      let at = weights;
      const codes = ASC_FEATURE_SIMD && codeBytes ? ordered + row * codeBytes : from;
      for (let c = first; c < last; c++) {
        const x = quantizes ? element(input, from, c) : dot(packing, at, input, codes, inputs);
        if (load<u8>(op, Op.post)) storeCode(output, to, c, codeOf(op, record, x));
        else store<i32>(to + (c << 2), x);
        at += rowBytes;
        record += load<u16>(op, Op.recordStep);
      }
      from += rowStride(input);
      to += rowStride(output);
    }
    first = last;
  }
  return Status.Ok;
}

/** Writes all rows of an input, `bytes` apart, in the order that the kernel of a packing wants. */
function orderRows(packing: i32, input: usize, bytes: u32): void {
  const inputs = load<u32>(input, Tensor.channels);
  let from = firstRow(input);
  for (let row: u32 = 0; row < rows; row++, from += rowStride(input)) {
    const to = ordered + row * bytes;
    if (OPS & SIGNED_INPUT && dtypeOf(input) == Activation.i8) orderCodes<i8>(packing, from, inputs, to);
    else orderCodes<u8>(packing, from, inputs, to);
  }
}

/** Σ_k weights[k] · row[k], by the kernel of packing and input dtype. */
function dot(packing: i32, weights: usize, input: usize, row: usize, inputs: u32): i32 {
  if (OPS & BIT_TENSOR && dtypeOf(input) == Activation.bit) return signBit(weights, row, inputs);
  const signed = OPS & SIGNED_INPUT && dtypeOf(input) == Activation.i8;
  if (DATA & SIGN32 && packing == Packing.sign32) {
    return signed ? signCode<i8>(weights, row, inputs) : signCode<u8>(weights, row, inputs);
  }
  return signed ? fieldCode<i8>(weights, packing, row, inputs) : fieldCode<u8>(weights, packing, row, inputs);
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
