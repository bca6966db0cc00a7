import { Activation, dtypeOf, Op, OpKind, Packing, rowStride, Tensor } from "../blob";
import {
  BIT_TENSOR,
  FIELD2X16,
  PAIR4,
  packingOf,
  QUANTIZE,
  SIGN128,
  SIGNED_INPUT,
  SIGNS,
  weightOffset,
} from "../features";
import {
  BLOCK_ROWS,
  field2x16Code,
  fieldCode,
  isPrepared,
  ONE_BY_ONE,
  PANELS,
  pair4Code,
  panelBytes,
  panelCode,
  prepare,
  preparedBytes,
  preparedCode,
  sign32Bit,
  sign128Bit,
  signCode,
} from "../kernels";
import { weightRowBytes } from "../packings";
import { DTYPES, OPS, PACKINGS, SMALL, STREAMS } from "../profiles";
import { blockChannels, clearTensor, firstRow, inputOf, outputOf, prepared, rows, sums } from "../regions";
import { Status } from "../status";
import { tile } from "../weights";
import { storeCode, storeCodes } from "./code";
import { element, elements } from "./elements";
import { isTrit4, trit4 } from "./trit4";

/**
 * The ops dense and quantize: an integer per row and output channel, then its code.
 *
 *     dense      output[r, m] = post(Σ_k weights[m, k] · input[r, k])
 *     quantize   output[r, m] = post(element of input[r, m])
 *
 * Tiles are the outer loop, so that streamed weights are read once. A kernel computes a block of sums; without a post they are the output.
 */
export function layer(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const inputs = load<u32>(input, Tensor.channels);
  const channels = load<u32>(output, Tensor.channels);
  const post = load<u8>(op, Op.post);
  const quantizes = OPS & QUANTIZE && load<u8>(op, Op.kind) == OpKind.quantize;
  if (isTrit4(op)) return trit4(op);
  const rowBytes = quantizes ? 0 : weightRowBytes(packingOf(op), inputs);
  let codes = firstRow(input);
  let codeStep = rowStride(input);
  if (!SMALL && !quantizes && dtypeOf(input) != Activation.bit) {
    const bytes = preparedBytes(packingOf(op), inputs, rows);
    if (bytes) {
      codes = prepared + panelBytes(packingOf(op), rows, BLOCK_ROWS);
      codeStep = bytes;
      prepareRows(packingOf(op), input, codes, bytes);
    }
  }
  let offset = load<u32>(op, Op.weights);
  if (DTYPES & BIT_TENSOR) clearTensor(output);
  let first: u32 = 0;
  do {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    let weights = tile(offset, STREAMS ? load<u32>(op, Op.tileBytes) : 0);
    if (STREAMS && !weights) return Status.ReadFailed;
    let records = weights + load<u32>(op, Op.recordsAt);
    do {
      const width: u32 = ONE_BY_ONE ? 1 : post ? min(blockChannels(), last - first) : last - first;
      let from = codes;
      let to = firstRow(output);
      for (let row: u32 = 0; row < rows; row += BLOCK_ROWS) {
        if (ONE_BY_ONE) {
          let x: i32 = 0;
          if (quantizes) {
            x = element(input, from, first);
          } else {
            inline.always(multiply(op, weights, rowBytes, 1, from, codeStep, 1, inputs, sums, 4));
            x = load<i32>(sums);
          }
          if (post) inline.always(storeCode(op, post, records, x, output, to, first));
          else store<i32>(to + (first << 2), x);
          from += codeStep;
          to += rowStride(output);
          continue;
        }
        const height = min<u32>(BLOCK_ROWS, rows - row);
        const at = post ? sums : to + (first << 2);
        const step = post ? width << 2 : rowStride(output);
        if (quantizes) elements(input, from, height, first, width);
        else inline.always(multiply(op, weights, rowBytes, width, from, codeStep, height, inputs, at, step));
        from += height * codeStep;
        for (let r: u32 = 0; r < height; r++, to += rowStride(output)) {
          if (!post) continue;
          storeCodes(op, records, sums + r * step, width, output, to, first);
        }
      }
      weights += width * rowBytes;
      records += width * load<u16>(op, Op.recordStep);
      first += width;
    } while (first < last);
    offset += load<u32>(op, Op.tileBytes);
  } while (first < channels);
  return Status.Ok;
}

/** Prepares all rows of an input for the kernels of a packing, at `to` and `bytes` apart. */
function prepareRows(packing: i32, input: usize, to: usize, bytes: u32): void {
  const inputs = load<u32>(input, Tensor.channels);
  let from = firstRow(input);
  for (let row: u32 = 0; row < rows; row++, from += rowStride(input), to += bytes) {
    prepare(DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8, packing, from, inputs, rows, to);
  }
}

/** A block of sums (kernels/README.md), by the kernel of packing and input dtype. */
function multiply(
  op: usize,
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  height: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  const packing = packingOf(op);
  const input = DTYPES & (BIT_TENSOR | SIGNED_INPUT) ? dtypeOf(inputOf(op)) : Activation.u8;
  if (DTYPES & BIT_TENSOR && input == Activation.bit) {
    if (PACKINGS & SIGN128 && packing == Packing.sign128) {
      sign128Bit(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    } else {
      sign32Bit(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    }
    return;
  }
  if (PACKINGS & PAIR4 && packing == Packing.pair4) {
    pair4Code(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  const signed: bool = DTYPES & SIGNED_INPUT && input == Activation.i8;
  const offset = weightOffset(op);
  if (PANELS && panelBytes(packing, rows, BLOCK_ROWS)) {
    panelCode(
      packing,
      offset,
      signed,
      prepared,
      weights,
      weightStep,
      channels,
      codes,
      codeStep,
      height,
      inputs,
      sums,
      sumStep,
    );
    return;
  }
  if (PACKINGS & FIELD2X16 && packing == Packing.field2x16) {
    field2x16Code(offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  if (isPrepared(packing, inputs, rows)) {
    preparedCode(packing, offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  if (PACKINGS & SIGNS && SMALL && packing == Packing.sign32) {
    if (signed) signCode<i8>(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    else signCode<u8>(weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep);
    return;
  }
  if (signed) {
    inline.always(
      fieldCode<i8>(packing, offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep),
    );
  } else {
    inline.always(
      fieldCode<u8>(packing, offset, weights, weightStep, channels, codes, codeStep, height, inputs, sums, sumStep),
    );
  }
}
