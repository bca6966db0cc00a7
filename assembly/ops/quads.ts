import { Activation, Op, OpKind, Packing, Tensor } from "../blob";
import { copy } from "../copy";
import { BIT_TENSOR, CONV2D, FIELD2, packingOf, SIGNED_INPUT, weightOffset } from "../features";
import {
  addQuads,
  clear,
  DOT_PRODUCTS_VARY,
  dotProducts,
  LANES,
  PANELS,
  QUADS,
  QUADS_BYTES,
  quadTables,
  quadWindow,
  storeQuads,
  valuesOf,
  widenQuads,
} from "../kernels";
import { weightRowBytes } from "../packings";
import { DTYPES, OPS, PACKINGS, STREAMS } from "../profiles";
import { clearTensor, inputOf, outputOf, positionAt, prepared, rows } from "../regions";
import { Status } from "../status";
import { dtypeOf, positionBytes, rowStride } from "../tensors";
import { tile } from "../weights";
import { storeCodes } from "./code";

/** Sums that see a position, and eighths of the lanes of tables that are rows, from which on tables pass panels; and those from which on they pass gathered patches. */
const FEW_SUMS: u32 = DOT_PRODUCTS_VARY ? 384 : 128;
const EIGHTHS: u32 = DOT_PRODUCTS_VARY ? 7 : 5;
const FEW_PATCH_SUMS: u32 = 96;
const PATCH_EIGHTHS: u32 = EIGHTHS - 1;

/** Bytes of the sums of a band of channels, and of how few these may be. */
const BAND_BYTES: u32 = 192 * 1024;
const FEW_CHANNELS: u32 = 32;

/** Positions whose sums are stored at a time. */
const STORED: u32 = 4;

/** Whether this build has the tables. */
export const TABLES: bool = PANELS && (PACKINGS & FIELD2) != 0;

/** What isQuads found of an op. A dense op is a window of one position, and 16 of its rows are a line. */
let convolves: bool = false;
let kernelHeight: u32 = 1; // and lines of the output that see a line of the input
let kernelWidth: u32 = 1;
let padTop: u32 = 0;
let padLeft: u32 = 0;
/** Positions of a line of the input and of the output, and sums of a channel in one: as many as taps make of whole strips of 16. */
let width: u32 = 0;
let outputWidth: u32 = 0;
let lanes: u32 = 0;
/** Channels whose sums stand in scratch at a time. */
let band: u32 = 0;

/**
 * Whether an op is computed by tables of four inputs (kernels/common/quads.ts): a dense op of many rows, or windows that are a position apart, whose taps are
 * whole quads and whose padding adds nothing.
 */
export function isQuads(op: usize, rows: u32): bool {
  const input = inputOf(op);
  const output = outputOf(op);
  if (packingOf(op) != Packing.field2 || (DOT_PRODUCTS_VARY && dotProducts())) return false;
  const kind: i32 = load<u8>(op, Op.kind);
  convolves = OPS & CONV2D && kind == OpKind.conv2d;
  kernelHeight = kernelWidth = 1;
  padTop = padLeft = 0;
  width = outputWidth = rows;
  if (convolves) {
    kernelHeight = load<u16>(op, Op.kernelHeight);
    kernelWidth = load<u16>(op, Op.kernelWidth);
    padTop = load<u16>(op, Op.padTop);
    padLeft = load<u16>(op, Op.padLeft);
    width = load<u16>(input, Tensor.width);
    outputWidth = load<u16>(output, Tensor.width);
    const isOne = load<u16>(op, Op.strideY) == 0x0101 && load<u32>(op, Op.dilationY) == 0x00010001; // both of each
    const isPlain = isOne && load<u16>(op, Op.groups) == 1 && !load<u8>(op, Op.pad);
    if (!isPlain || load<u32>(input, Tensor.channels) & 3 || padLeft >= kernelWidth) return false;
  } else if (kind != OpKind.dense) return false;
  let whole = (width + LANES - 1) & ~(LANES - 1);
  if (outputWidth * 8 < whole * (convolves ? PATCH_EIGHTHS : EIGHTHS)) return false;
  if (!convolves) width = outputWidth = whole = LANES;
  lanes = (max(whole + padLeft, outputWidth) + kernelWidth + 6 - padLeft) & ~7;
  const channels = min<u32>(load<u16>(op, Op.tileChannels), load<u32>(output, Tensor.channels));
  band = min<u32>(channels, (BAND_BYTES / 6 / lanes / kernelHeight) & ~15);
  const few = convolves ? FEW_PATCH_SUMS : FEW_SUMS;
  return channels * kernelHeight * kernelWidth >= few && band >= min(channels, FEW_CHANNELS);
}

/** Bytes of scratch of such an op. */
export function quadsScratch(): u32 {
  return QUADS_BYTES + (6 * lanes * kernelHeight + 4 * STORED) * band + 80;
}

/** Blocks whose products the sums of 16 bits have. */
let filled: u32 = 0;
/**
 * Addresses: of tables; of sums of 32 bits, by lines, channels, and positions; of those of 16 bits, of which a line has `line` bytes. Behind them are those
 * of a few positions, by channels.
 */
let tables: usize = 0;
let longs: usize = 0;
let shorts: usize = 0;
let line: u32 = 0;

/**
 * Dense and conv2d by tables of four inputs. Lines of the input are the outer loop: the tables of 16 positions serve all channels and all taps that see
 * them, and what a tap further to the right adds belongs to a sum further to the left. A line of the output is finished with the last line that it sees.
 */
export function quads(op: usize): Status {
  const input = inputOf(op);
  const output = outputOf(op);
  const channels = load<u32>(output, Tensor.channels);
  const images: u32 = convolves ? rows : 1;
  const height: u32 = convolves ? load<u16>(input, Tensor.height) : (rows + LANES - 1) / LANES;
  const outputHeight: u32 = convolves ? load<u16>(output, Tensor.height) : height;
  const rowBytes = weightRowBytes(Packing.field2, load<u32>(input, Tensor.channels) * kernelHeight * kernelWidth);
  let at = load<u32>(op, Op.weights);
  if (DTYPES & BIT_TENSOR) clearTensor(output);
  tables = (prepared + 63) & ~63;
  longs = tables + QUADS_BYTES;
  for (let first: u32 = 0; first < channels; first += load<u16>(op, Op.tileChannels)) {
    const last = min<u32>(first + load<u16>(op, Op.tileChannels), channels);
    const weights = tile(at, STREAMS ? load<u32>(op, Op.tileBytes) : 0);
    if (STREAMS && !weights) return Status.ReadFailed;
    const values = valuesOf(weights, (last - first) * rowBytes);
    for (let c = first; c < last; c += band) {
      const count = min(band, last - c);
      line = (lanes * count) << 1;
      shorts = longs + ((line * kernelHeight) << 1);
      for (let image: u32 = 0; image < images; image++) {
        let next: u32 = 0; // line of the input
        let started: u32 = 0; // lines of the output
        filled = 0;
        for (let y: u32 = 0; y < outputHeight; y++) {
          for (let sees = true; sees; ) {
            sees = next < height && next + padTop < y + kernelHeight;
            for (; started < outputHeight && started <= (sees ? next + padTop : y); started++) {
              const slot = (started % kernelHeight) * line;
              clear(longs + (slot << 1), line << 1);
              clear(shorts + slot, line);
            }
            if (sees)
              addLine(
                op,
                image * height,
                next++,
                outputHeight,
                values,
                weights + (c - first) * rowBytes,
                rowBytes,
                count,
              );
          }
          const records = weights + load<u32>(op, Op.recordsAt) + (c - first) * load<u16>(op, Op.recordStep);
          storeLine(op, records, image * outputHeight, y, c, count);
        }
      }
    }
    at += load<u32>(op, Op.tileBytes);
  }
  return Status.Ok;
}

/** Adds what line `y` of the input holds, `before` lines behind the first. */
function addLine(
  op: usize,
  before: u32,
  y: u32,
  outputHeight: u32,
  values: u32,
  weights: usize,
  rowBytes: u32,
  count: u32,
): void {
  const input = inputOf(op);
  const inputs = load<u32>(input, Tensor.channels);
  const signed: bool = DTYPES & SIGNED_INPUT && dtypeOf(input) == Activation.i8;
  const step = convolves ? positionBytes(input) : rowStride(input);
  const from = positionAt(input, (before + y) * width);
  const end = convolves ? width : min(LANES, rows - y * LANES);
  const offset: u32 = weightOffset(op);
  const window = quadWindow(max(offset, values - 1 - offset), signed ? 128 : 255);
  const count4 = (inputs + 3) >> 2;
  for (let q: u32 = 0; q < count4; q += QUADS) {
    const some = min(QUADS, count4 - q);
    const rest = q + some == count4 ? inputs & 3 : 0;
    for (let first: u32 = 0; first < kernelWidth; first += window) {
      const last = min(first + window, kernelWidth);
      filled += last - first;
      if (filled > window) {
        widenQuads(shorts, line * kernelHeight, longs);
        filled = last - first;
      }
      for (let x: u32 = 0; x < end; x += LANES) {
        const codes = from + x * step + (q << 2);
        quadTables(signed, offset, values, codes, step, end - x, some, rest ? (1 << (rest << 3)) - 1 : -1, tables);
        for (let ky: u32 = 0; ky < kernelHeight; ky++) {
          const outputY = y + padTop - ky;
          if (outputY >= outputHeight) continue;
          for (let kx = first; kx < last; kx++) {
            const tap = weights + (ky * kernelWidth + kx) * (inputs >> 2) + q;
            const to = shorts + (outputY % kernelHeight) * line + ((x + kernelWidth - 1 - kx) << 1);
            addQuads(tables, some, tap, rowBytes, count, to, lanes << 1);
          }
        }
      }
    }
  }
}

/** Stores the sums of line `y` of the output, `before` lines behind the first, or their codes. */
function storeLine(op: usize, records: usize, before: u32, y: u32, first: u32, count: u32): void {
  const output = outputOf(op);
  const slot = (y % kernelHeight) * line;
  const end = convolves ? outputWidth : min(LANES, rows - y * LANES);
  let from = longs + (slot << 1);
  widenQuads(shorts + slot, line, from);
  from += (kernelWidth - 1 - padLeft) << 2;
  const sums = shorts + line * kernelHeight;
  for (let x: u32 = 0; x < end; x++, from += 4) {
    const block = sums + (x % STORED) * (count << 2);
    if (block == sums) storeQuads(from, lanes << 2, count, sums, count << 2);
    const to = positionAt(output, (before + y) * outputWidth + x);
    if (load<u8>(op, Op.post)) storeCodes(op, records, block, count, output, to, first);
    else copy(to + (first << 2), block, count << 2);
  }
}
