import { Activation, Op, OpKind, Tensor } from "../blob";
import { BIT_TENSOR, PICTURES, packingOf, QUANTIZE, SIGNED_INPUT } from "../features";
import { BLOCK_ROWS, ONE_BY_ONE, panelBytes, prepare, preparedBytes } from "../kernels";
import { weightRowBytes } from "../packings";
import { DTYPES, OPS, SMALL, STREAMS } from "../profiles";
import {
  blockChannels,
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
import { dtypeOf, rowStride } from "../tensors";
import { tile } from "../weights";
import { added, isAdd } from "./add";
import { isAvgpool, pooled } from "./avgpool";
import { storeCode, storeCodes } from "./code";
import { element, elements } from "./elements";
import { multiply } from "./multiply";
import { isTrit4, trit4 } from "./trit4";

/**
 * The ops dense, quantize and avgpool: an integer per row and output channel, then its code. The rows of quantize and avgpool are the positions of all rows.
 *
 *     dense      output[r, m] = post(Σ_k weights[m, k] · input[r, k])
 *     quantize   output[r, m] = post(element of input[r, m])
 *     avgpool    output[r, m] = post(Σ input[tap, m])
 *     add        output[r, m] = post(factor · input[r, m] + secondFactor · second[r, m])
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
  const adds = isAdd(op);
  const gives = isAvgpool(op) || adds; // sums of its own, without weights
  if (isTrit4(op)) return trit4(op);
  const count = positionsOfAll(output);
  const rowBytes = quantizes || gives ? 0 : weightRowBytes(packingOf(op), inputs);
  let codes = firstRow(input);
  let codeStep = rowStride(input);
  if (!SMALL && !(quantizes || gives) && dtypeOf(input) != Activation.bit) {
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
    const isBare = gives && !post; // and has no tiles
    const last = isBare ? channels : min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    let weights = isBare ? sums : tile(offset, STREAMS ? load<u32>(op, Op.tileBytes) : 0);
    if (STREAMS && !weights) return Status.ReadFailed;
    let records = weights + load<u32>(op, Op.recordsAt);
    do {
      const width: u32 = ONE_BY_ONE ? 1 : post ? min(blockChannels(count), last - first) : last - first;
      let from = codes;
      let to = firstRow(output);
      for (let row: u32 = 0; row < (DTYPES & PICTURES ? count : rows); row += BLOCK_ROWS) {
        if (ONE_BY_ONE) {
          let x: i32 = 0;
          if (quantizes) {
            x = element(input, from, first);
          } else if (gives) {
            if (adds) added(op, row, 1, first, 1);
            else pooled(op, row, 1, first, 1);
            x = load<i32>(sums);
          } else {
            inline.always(multiply(op, rows, weights, rowBytes, 1, from, codeStep, 1, inputs, sums, 4));
            x = load<i32>(sums);
          }
          if (post) inline.always(storeCode(op, post, records, x, output, to, first));
          else if (!gives) store<i32>(to + (first << 2), x);
          from = DTYPES & PICTURES && quantizes ? nextPosition(input, from, row) : from + codeStep;
          to = nextPosition(output, to, row);
          continue;
        }
        const height = min<u32>(BLOCK_ROWS, count - row);
        const at = post ? sums : to + (first << 2);
        const step = post ? width << 2 : rowStride(output);
        if (quantizes) {
          from = elements(input, from, row, height, first, width);
        } else if (gives) {
          if (adds) added(op, row, height, first, width);
          else pooled(op, row, height, first, width);
        } else {
          multiply(op, rows, weights, rowBytes, width, from, codeStep, height, inputs, at, step);
          from += height * codeStep;
        }
        for (let r: u32 = 0; r < height; r++, to = nextPosition(output, to, row + r - 1)) {
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
