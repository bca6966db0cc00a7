import { Activation, Form, Op, Tensor } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR, SIGNED_INPUT, TRIT4 } from "../features";
import { BLOCK_CHANNELS, TRIT4_BIAS, trit4PairSums, trit4PairTables } from "../kernels";
import { DTYPES, PACKINGS, STREAMS } from "../profiles";
import { clearTensor, firstRow, inputOf, outputOf, prepared, rows } from "../regions";
import { Status } from "../status";
import { dtypeOf, positionBytes, rowStride } from "../tensors";
import { tile } from "../weights";
import { recordBytes, storeCodes } from "./code";
import { STRIP_INPUTS, stripBytes } from "./trit4";

/** Whether a conv2d with weights in trit4 is computed position by position of its input. */
export function isScattered(op: usize): bool {
  return PACKINGS & TRIT4 && load<u8>(op, Op.form) == Form.scatter;
}

/** Taps are whole strips, and padding adds nothing. */
export function scatterFits(op: usize, input: usize): bool {
  const isAlone =
    load<u16>(op, Op.groups) == 1 && !load<u8>(op, Op.pad) && load<u8>(op, Op.strideY) && load<u8>(op, Op.strideX);
  return isAlone && !(load<u32>(input, Tensor.channels) % STRIP_INPUTS);
}

/** Output rows that one input row adds to. */
function ringRows(op: usize): u32 {
  const span = (load<u16>(op, Op.kernelHeight) - 1) * load<u16>(op, Op.dilationY);
  return span / load<u8>(op, Op.strideY) + 1;
}

/** Bytes of scratch: the sums of some output rows, for the channels of a tile, and of a position that does not exist. */
export function scatterScratch(op: usize, output: usize): u64 {
  return (<u64>ringRows(op) * load<u16>(output, Tensor.width) + 1) * stripBytes(op);
}

/** How many taps of a line of `kernel`, `dilation` apart, of which the first lies at `first`, are among `size` positions. */
function tapsInside(first: i32, kernel: u32, dilation: u32, size: i32): u32 {
  let count: u32 = 0;
  for (; kernel; kernel--, first += dilation) if (<u32>first < <u32>size) count++;
  return count;
}

/**
 * conv2d with weights in trit4, input row by input row: the tables of a position, or of two that are half a row apart, are built once and added to all the
 * sums that see it. An output row is finished with the last input row that it sees.
 */
export function scatter(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const height: i32 = load<u16>(input, Tensor.height);
  const width: u32 = load<u16>(input, Tensor.width);
  const outputHeight: u32 = load<u16>(output, Tensor.height);
  const outputWidth: u32 = load<u16>(output, Tensor.width);
  const channels = load<u32>(output, Tensor.channels);
  const strideY: i32 = load<u8>(op, Op.strideY);
  const strideX: u32 = load<u8>(op, Op.strideX);
  const dilationY: i32 = load<u16>(op, Op.dilationY);
  const dilationX: i32 = load<u16>(op, Op.dilationX);
  const kernelHeight: i32 = load<u16>(op, Op.kernelHeight);
  const kernelWidth: i32 = load<u16>(op, Op.kernelWidth);
  const padTop: i32 = load<u16>(op, Op.padTop);
  const padLeft: i32 = load<u16>(op, Op.padLeft);
  const span = (kernelHeight - 1) * dilationY;
  const bytes = stripBytes(op);
  const ring = ringRows(op);
  const nowhere = prepared + ring * outputWidth * bytes;
  const codes = positionBytes(input);
  const strips = codes / STRIP_INPUTS;
  const ahead = (((width + 1) / 2 + strideX - 1) / strideX) * strideX; // of the second position of a pair
  const signed: bool = DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8;
  const post = load<u8>(op, Op.post);
  if (DTYPES & BIT_TENSOR) clearTensor(output);
  let offset = load<u32>(op, Op.weights);
  for (let first: u32 = 0; first < channels; first += load<u16>(op, Op.tileChannels)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    const length = (last - first) << 2;
    for (let row: u32 = 0; row < rows; row++) {
      const from = firstRow(input) + row * rowStride(input);
      let started: u32 = 0;
      let finished: u32 = 0;
      for (let y: i32 = 0; y < height; y++) {
        for (; started < outputHeight && <i32>started * strideY - padTop <= y; started++) {
          const lines = tapsInside(started * strideY - padTop, kernelHeight, dilationY, height);
          let to = prepared + (started % ring) * outputWidth * bytes;
          for (let x: u32 = 0; x < outputWidth; x++, to += bytes) {
            const taps = lines * tapsInside(x * strideX - padLeft, kernelWidth, dilationX, width);
            for (let at: u32 = 0; at < bytes; at += 4) store<i32>(to + at, -TRIT4_BIAS * strips * taps);
          }
        }
        for (let x: u32 = 0; x < ahead; x++) {
          const a = from + (y * width + x) * codes;
          const b = x + ahead < width ? a + ahead * codes : 0;
          for (let strip: u32 = 0; strip < strips; strip++) {
            trit4PairTables(signed, a + strip * STRIP_INPUTS, b ? b + strip * STRIP_INPUTS : 0);
            let weights = offset + strip * bytes;
            for (let ky: i32 = 0; ky < kernelHeight; ky++) {
              const t = y + padTop - ky * dilationY;
              const oy: u32 = strideY == 1 ? t : t % strideY ? 0xffffffff : t / strideY;
              if (oy >= outputHeight) {
                weights += kernelWidth * strips * bytes;
                continue;
              }
              const line = prepared + (oy % ring) * outputWidth * bytes;
              for (let kx: i32 = 0; kx < kernelWidth; kx++, weights += strips * bytes) {
                const u: i32 = x + padLeft - kx * dilationX;
                if (strideX > 1 && u % <i32>strideX) continue;
                const ox: u32 = strideX == 1 ? u : u / <i32>strideX;
                const other = ox + (strideX == 1 ? ahead : ahead / strideX);
                const isFirst = u >= 0 && ox < outputWidth;
                const isSecond = b && other < outputWidth;
                if (!isFirst && !isSecond) continue;
                const data = tile(weights, bytes);
                if (STREAMS && !data) return Status.ReadFailed;
                const to = isFirst ? line + ox * bytes : nowhere;
                trit4PairSums(data, to, isSecond ? line + other * bytes : nowhere, to + length, rows >> 29); // there are never so many
              }
            }
          }
        }
        for (; finished < started && (y == height - 1 || <i32>finished * strideY - padTop + span <= y); finished++) {
          let sums = prepared + (finished % ring) * outputWidth * bytes;
          let to = firstRow(output) + row * rowStride(output) + finished * outputWidth * positionBytes(output);
          for (let x: u32 = 0; x < outputWidth; x++, sums += bytes, to += positionBytes(output)) {
            if (!post) {
              copy(to + (first << 2), sums, length);
              continue;
            }
            const step: u32 = load<u16>(op, Op.recordStep);
            let from = offset + load<u32>(op, Op.recordsAt);
            for (let c = first; c < last; c += BLOCK_CHANNELS, from += BLOCK_CHANNELS * step) {
              const count = min(BLOCK_CHANNELS, last - c);
              const records = tile(from, (count - 1) * step + recordBytes(op));
              if (STREAMS && !records) return Status.ReadFailed;
              storeCodes(op, records, sums + ((c - first) << 2), count, output, to, c);
            }
          }
        }
      }
    }
    offset += load<u32>(op, Op.tileBytes);
  }
  return Status.Ok;
}
